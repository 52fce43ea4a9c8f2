"""Bodies of the objects that tests make."""

ARGO = "argoproj.io/v1alpha1"
INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
HASH = "rollouts-pod-template-hash"
RESOURCES = {
    "Rollout": (f"/apis/{ARGO}", "rollouts"), "AnalysisRun": (f"/apis/{ARGO}", "analysisruns"),
    "AnalysisTemplate": (f"/apis/{ARGO}", "analysistemplates"), "Experiment": (f"/apis/{ARGO}", "experiments"),
    "Service": ("/api/v1", "services"), "Ingress": ("/apis/networking.k8s.io/v1", "ingresses"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"), "Job": ("/apis/batch/v1", "jobs"), "ResourceQuota": ("/api/v1", "resourcequotas")}
API_VERSIONS = {"Service": "v1", "Ingress": "networking.k8s.io/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "ResourceQuota": "v1"}


def path(kind, namespace, name=None):
    prefix, resource = RESOURCES[kind]
    return f"{prefix}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def create(client, namespace, *bodies):
    """Creates them in this order and returns what the server made of the last one."""
    made = None
    for body in bodies:
        made = client.create(path(body["kind"], namespace), body)
    return made


def namespace(admin, name):
    admin.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def body(kind, name, spec, labels=None, **metadata):
    out = {"apiVersion": API_VERSIONS.get(kind, ARGO), "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    if labels:
        out["metadata"]["labels"] = labels
    return out


def pod_template(app, image="app:v1"):
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "app", "image": image}]}}


def rollout(name, strategy, replicas=1, labels=None, **spec):
    return body("Rollout", name, {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod_template(name),
                                  "strategy": strategy, **spec}, labels)


def service(name, app):
    return body("Service", name, {"selector": {"app": app}, "ports": [{"port": 80}]})


def ingress(name, backend):
    return body("Ingress", name, {"rules": [{"host": f"{name}.example.com", "http": {"paths": [{
        "path": "/", "pathType": "Prefix", "backend": {"service": {"name": backend, "port": {"number": 80}}}}]}}]})


def routed(name, steps, labels=None, **canary):
    """A canary behind nginx with all that it refers to; the Ingress that carries the weight is NAME-NAME-canary."""
    yield service(f"{name}-stable", name)
    yield service(f"{name}-canary", name)
    yield ingress(name, f"{name}-stable")
    yield rollout(name, {"canary": {"stableService": f"{name}-stable", "canaryService": f"{name}-canary", "scaleDownDelaySeconds": 1,
                                    "abortScaleDownDelaySeconds": 1, "trafficRouting": {"nginx": {"stableIngress": name}},
                                    "steps": steps, **canary}}, labels=labels)


def web_metric(name, host, **more):
    """Asks the scripted server for `$.value` of http://HOST/value."""
    return {"name": name, "provider": {"web": {"url": f"http://{host}/value", "jsonPath": "{$.value}"}}, **more}


def open_gate(host):
    """Goes on as long as the value is between 0.5 and 0.95: the test decides when it ends, and how."""
    return web_metric("value", host, interval="1s", count=600, successCondition="result >= 0.95", failureCondition="result < 0.5",
                      inconclusiveLimit=600)


def template(name, *metrics):
    return body("AnalysisTemplate", name, {"metrics": list(metrics)})


def job_metric(name, command):
    return {"name": name, "provider": {"job": {"spec": {"backoffLimit": 0, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "check", "image": "check:v1", "command": ["sh", "-c", command]}]}}}}}}


__all__ = ["ARGO", "HASH", "INSTANCE_ID", "body", "create", "ingress", "job_metric", "namespace", "open_gate", "path", "pod_template",
           "rollout", "routed", "service", "template", "web_metric"]
