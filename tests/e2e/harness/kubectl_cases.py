"""What users do with kubectl, as cases that hold on the embedded server and on a real one alike. Each kubectl works in a
namespace of its own."""
import json
import os

from .cases import check, same, wait_until
from .programs import root

DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "labels": {"app": "shop"}}, "spec": {
    "replicas": 2, "selector": {"matchLabels": {"app": "shop"}},
    "template": {"metadata": {"labels": {"app": "shop"}},
                 "spec": {"containers": [{"name": "shop", "image": "shop:v1", "ports": [{"containerPort": 8080}],
                                          "env": [{"name": "A", "value": "1"}]}]}}}}
ROLLOUT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {
    "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:v1"}]}},
    "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}}}


class Place:
    """One kubectl against one server, in one namespace."""

    def __init__(self, suite, kubectl, directory, namespace, embedded):
        self.suite, self.kubectl, self.namespace, self.embedded = suite, kubectl, namespace, embedded
        self.directory = os.path.join(directory, namespace)
        os.makedirs(self.directory)

    def file(self, name, *objects):
        path = os.path.join(self.directory, name)
        with open(path, "w") as out:
            json.dump(objects[0] if len(objects) == 1 else {"apiVersion": "v1", "kind": "List", "items": list(objects)}, out)
        return path

    def __call__(self, *arguments, **more):
        return self.kubectl("-n", self.namespace, *arguments, **more)

    def try_(self, *arguments, **more):
        return self.kubectl.try_("-n", self.namespace, *arguments, **more)

    def refused(self, wanted, *arguments):
        answer = self.try_(*arguments)
        check(answer.code != 0, f"kubectl {' '.join(arguments)} was to fail: {answer}")
        check(wanted in answer.err, f"kubectl {' '.join(arguments)}: wanted '{wanted}', got: {answer.err}")

    def json(self, *arguments):
        return json.loads(self(*arguments, "-o", "json"))


def changed(body, **paths):
    copy = json.loads(json.dumps(body))
    for path, value in paths.items():
        target = copy
        *parents, last = path.split("__")
        for parent in parents:
            target = target[int(parent)] if isinstance(target, list) else target[parent]
        target[last] = value
    return copy


def discovery(place):
    kinds = place.kubectl("api-resources")
    for wanted in ("pods", "deployments", "ingresses", "leases", "customresourcedefinitions", "rollouts"):
        check(wanted in kinds, f"api-resources has no {wanted}: {kinds}")
    groups = place.kubectl("api-versions").split()
    for wanted in ("v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "argoproj.io/v1alpha1"):
        check(wanted in groups, f"api-versions has no {wanted}: {groups}")
    check(json.loads(place.kubectl("version", "-o", "json"))["serverVersion"]["minor"], "the server's version has no minor")
    same(place.kubectl("auth", "can-i", "get", "pods").strip(), "yes", "auth can-i")


def apply_client_side(place):
    path = place.file("shop.json", DEPLOYMENT)
    same(place("apply", "-f", path).strip(), "deployment.apps/shop created", "first apply")
    same(place("apply", "-f", path).strip(), "deployment.apps/shop unchanged", "second apply")
    path = place.file("shop.json", changed(DEPLOYMENT, spec__template__spec__containers__0__env=[{"name": "B", "value": "2"}]))
    same(place("apply", "-f", path).strip(), "deployment.apps/shop configured", "third apply")
    env = place.json("get", "deployment", "shop")["spec"]["template"]["spec"]["containers"][0]["env"]
    same(env, [{"name": "B", "value": "2"}], "env after leaving A out and adding B (merged by name)")
    place("rollout", "status", "deployment/shop", "--timeout=60s")


def apply_custom_resource(place):
    path = place.file("web.json", ROLLOUT)
    same(place("apply", "-f", path).strip(), "rollout.argoproj.io/web created", "first apply")
    same(place("apply", "-f", path).strip(), "rollout.argoproj.io/web unchanged", "second apply")
    path = place.file("web.json", changed(ROLLOUT, spec__template__spec__containers__0__image="web:v2"))
    same(place("apply", "-f", path).strip(), "rollout.argoproj.io/web configured", "third apply")
    same(place.json("get", "ro", "web")["metadata"]["generation"], 2, "generation")
    bad = place.file("bad.json", changed(ROLLOUT, metadata__name="bad", spec__replicas="three"))
    place.refused("spec.replicas", "apply", "-f", bad)


def apply_server_side(place):
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}}
    path = place.file("settings.json", settings)
    place("apply", "--server-side", "--field-manager=one", "-f", path)
    other = place.file("other.json", changed(settings, data={"a": "9"}))
    answer = place.try_("apply", "--server-side", "--field-manager=two", "-f", other)
    check(answer.code != 0 and "conflict" in answer.err and '"one"' in answer.err and ".data.a" in answer.err, f"a foreign field: {answer}")
    place("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", other)
    same(place.json("get", "configmap", "settings")["data"], {"a": "9", "b": "2"}, "data after taking a over")
    place("apply", "--server-side", "--field-manager=one", "-f", place.file("less.json", changed(settings, data={})))
    same(place.json("get", "configmap", "settings")["data"], {"a": "9"}, "data after its only owner left b out")
    path = place.file("side.json", changed(ROLLOUT, metadata__name="side"))
    place("apply", "--server-side", "-f", path)
    place("apply", "--server-side", "-f", path)
    same(place.json("get", "ro", "side")["metadata"]["generation"], 1, "generation after the same server-side apply twice")
    injected = {"apiVersion": ROLLOUT["apiVersion"], "kind": "Rollout", "metadata": {"name": "side"}, "spec": {
        "template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:v1"}]}}}}
    answer = place.try_("apply", "--server-side", "--field-manager=injector", "--validate=false", "-f", place.file("injected.json", injected))
    if place.embedded:
        same(answer.code, 0, f"a second manager's container: {answer}")
        names = [one["name"] for one in place.json("get", "ro", "side")["spec"]["template"]["spec"]["containers"]]
        same(sorted(names), ["proxy", "web"], "containers of two managers")
    else:
        # 1.20 alone: it cannot model a custom resource that has an int-or-string anywhere and takes every list as atomic.
        check(answer.code != 0 and ".spec.template.spec.containers" in answer.err, f"a second manager's container on 1.20: {answer}")
    place("delete", "ro", "side")


def get_tables(place):
    rows = place("get", "deployments").splitlines()
    same(rows[0].split(), ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], "columns of Deployments")
    same(rows[1].split()[:4], ["shop", "2/2", "2", "2"], "row of the Deployment")
    rows = place("get", "pods", "-l", "app=shop").splitlines()
    same(rows[0].split(), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"], "columns of Pods")
    same([row.split()[1:4] for row in rows[1:]], [["1/1", "Running", "0"]] * 2, "rows of the Pods")
    rows = place("get", "rollouts").splitlines()
    same(rows[0].split(), ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"], "columns of Rollouts")
    wide = place("get", "rs,pods,svc,ing,cm", "-o", "wide")
    check("SELECTOR" in wide and "NODE" in wide, f"wide columns: {wide}")
    names = place("get", "pods", "-l", "app=shop", "-o", "name").split()
    same(len(names), 2, "pods by name")
    same(place("get", "pods", "-l", "app!=shop,app", "-o", "name").split(), [], "pods by another selector")
    same(place("get", "deploy", "shop", "-o", "jsonpath={.spec.replicas}"), "2", "jsonpath")
    place.refused('deployments.apps "none" not found', "get", "deployment", "none")
    place.refused("the server doesn't have a resource type", "get", "nonsense")
    check("shop" in place("get", "deploy", "-o", "yaml", "--sort-by=.metadata.name"), "no YAML")
    sums = place("get", "deploy", "-A", "--chunk-size=1")
    check("shop" in sums, f"get -A in chunks: {sums}")


def watch_tables(place):
    log = os.path.join(place.directory, "watch.log")
    watching = place.kubectl.start(place.suite, log, "-n", place.namespace, "get", "configmap", "watched", "--watch-only", "--request-timeout=60s")
    listing_log = os.path.join(place.directory, "watch-all.log")
    listing = place.kubectl.start(place.suite, listing_log, "-n", place.namespace, "get", "configmaps", "-w")
    wait_until("get -w shows what is there", lambda: "settings" in open(listing_log).read(), 20)
    place("apply", "-f", place.file("watched.json", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"}, "data": {"a": "1"}}))
    place("patch", "configmap", "watched", "--type=merge", "-p", '{"data":{"b":"2"}}')

    def rows():
        found = [line.split()[:2] for line in open(listing_log) if line.startswith("watched")]
        check(["watched", "1"] in found and ["watched", "2"] in found, f"get -w printed: {open(listing_log).read()}")
        return found
    wait_until("get -w prints both states", rows, 20)
    wait_until("one header line", lambda: open(listing_log).read().count("NAME") == 1, 5)
    place("delete", "configmap", "watched")
    listing.stop()
    watching.stop()


def describe(place):
    text = place("describe", "deployment", "shop")
    for wanted in ("Name:", "shop", "Replicas:", "2 desired", "Pod Template:", "shop:v1", "Events:"):
        check(wanted in text, f"describe deployment has no '{wanted}': {text}")
    check("Spec:" in place("describe", "rollout", "web"), "describe rollout")
    pod = place("get", "pods", "-l", "app=shop", "-o", "name").split()[0]
    check("node-1" in place("describe", pod), "describe pod")
    place("get", "events")


def patch(place):
    place("patch", "deployment", "shop", "-p", json.dumps({"spec": {"template": {"spec": {"containers": [{"name": "shop", "image": "shop:v2"}]}}}}))
    container = place.json("get", "deployment", "shop")["spec"]["template"]["spec"]["containers"][0]
    same((container["image"], container["env"]), ("shop:v2", [{"name": "B", "value": "2"}]), "strategic merge patch")
    place("patch", "rollout", "web", "--type=merge", "-p", '{"spec":{"revisionHistoryLimit":4}}')
    place("patch", "rollout", "web", "--type=json", "-p", '[{"op":"test","path":"/spec/revisionHistoryLimit","value":4},'
          '{"op":"replace","path":"/spec/revisionHistoryLimit","value":5}]')
    same(place.json("get", "rollout", "web")["spec"]["revisionHistoryLimit"], 5, "JSON patch")
    answer = place.try_("patch", "rollout", "web", "--type=json", "-p", '[{"op":"test","path":"/spec/revisionHistoryLimit","value":4}]')
    check(answer.code != 0, f"a JSON patch whose test fails: {answer}")
    place("set", "image", "deployment/shop", "shop=shop:v3")
    place("label", "rollout", "web", "team=a")
    place("annotate", "rollout", "web", "note=b")
    metadata = place.json("get", "rollout", "web")["metadata"]
    same((metadata["labels"]["team"], metadata["annotations"]["note"]), ("a", "b"), "label and annotate")
    same(place.json("get", "rollout", "web").get("status"), None, "status nobody wrote")


def subresource(place):
    if place.kubectl.minor < 24:
        place.kubectl("get", "--raw", f"/apis/argoproj.io/v1alpha1/namespaces/{place.namespace}/rollouts/web/status")
        return
    place("patch", "rollout", "web", "--subresource=status", "--type=merge", "-p", '{"status":{"message":"hello"},"spec":{"replicas":9}}')
    web = place.json("get", "rollout", "web")
    same((web["status"]["message"], web["spec"]["replicas"]), ("hello", 3), "a status patch that also names spec")
    same(place.json("get", "rollout", "web", "--subresource=status")["status"]["message"], "hello", "get --subresource")
    place("patch", "rollout", "web", "--type=merge", "-p", '{"status":{"message":"ignored"}}')
    same(place.json("get", "rollout", "web")["status"]["message"], "hello", "status by the main endpoint")


def scale(place):
    place("scale", "rollout", "web", "--replicas=5")
    same(place.json("get", "rollout", "web")["spec"]["replicas"], 5, "replicas of the Rollout")
    answer = place.try_("scale", "rollout", "web", "--current-replicas=3", "--replicas=6")
    check(answer.code != 0 and "5" in answer.err, f"scale with a wrong expectation: {answer}")
    place("scale", "deployment", "shop", "--replicas=3")
    place("rollout", "status", "deployment/shop", "--timeout=60s")
    same(place.json("get", "deployment", "shop")["status"]["readyReplicas"], 3, "ready pods")
    place("wait", "--for=condition=Available", "deployment/shop", "--timeout=30s")


def create_by_command(place):
    """Commands that build the object themselves. From 1.31 on kubectl sends these bodies as protobuf."""
    place("create", "configmap", "made", "--from-literal=a=1")
    same(place.json("get", "configmap", "made")["data"], {"a": "1"}, "data")
    place.kubectl("create", "namespace", place.namespace + "-made")
    place("create", "deployment", "made", "--image=made:v1", "--replicas=2")
    same(place.json("get", "deployment", "made")["spec"]["replicas"], 2, "replicas of the Deployment")
    place("create", "service", "clusterip", "made", "--tcp=80:8080")
    same(place.json("get", "service", "made")["spec"]["ports"][0]["targetPort"], 8080, "target port of the Service")
    place("run", "made", "--image=made:v1", "--restart=Never", "--env=A=1", "--port=80")
    same(place.json("get", "pod", "made")["spec"]["containers"][0]["env"], [{"name": "A", "value": "1"}], "environment of the Pod")
    place("create", "job", "made", "--image=made:v1", "--", "sleep", "1")
    same(place.json("get", "job", "made")["spec"]["template"]["spec"]["containers"][0]["command"], ["sleep", "1"], "command of the Job")
    place("create", "ingress", "made", "--rule=made.example.com/*=made:80")
    same(place.json("get", "ingress", "made")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"], 80, "port of the Ingress")
    place("create", "secret", "generic", "made", "--from-literal=a=1")
    place("create", "role", "made", "--verb=get,list", "--resource=pods,deployments.apps")
    place("create", "rolebinding", "made", "--role=made", "--user=somebody")
    same(sorted(group for rule in place.json("get", "role", "made")["rules"] for group in rule["apiGroups"]), ["", "apps"], "groups of the Role")
    place("expose", "deployment", "made", "--name=exposed", "--port=80")
    made = [f"{kind}/made" for kind in ("configmap", "deployment", "service", "pod", "job", "ingress", "secret", "role", "rolebinding")] + ["service/exposed"]
    if place.embedded or place.kubectl.minor < 21:  # a 1.20 server knows other versions of these kinds than newer kubectls
        place("create", "poddisruptionbudget", "made", "--selector=app=made", "--min-available=50%")
        same(place.json("get", "pdb", "made")["spec"]["minAvailable"], "50%", "minAvailable")
        place("autoscale", "deployment", "made", "--max=5", "--min=2", "--cpu-percent=80")
        same(place.json("get", "hpa", "made")["spec"]["maxReplicas"], 5, "maxReplicas")
        made += ["pdb/made", "hpa/made"]
    place("delete", *made, "--timeout=30s")
    place.kubectl("delete", "namespace", place.namespace + "-made", "--timeout=60s", seconds=90)


def explain(place):
    text = place("explain", "rollout.spec.strategy")
    check("canary" in text and "blueGreen" in text, f"explain rollout.spec.strategy: {text}")
    text = place("explain", "rollout.spec.replicas")
    check("<integer>" in text and "Number of pods" in text, f"explain rollout.spec.replicas: {text}")
    text = place("explain", "rollout", "--recursive")
    check("setWeight" in text and "containerPort" in text, f"explain --recursive: {text[:2000]}")
    text = place("explain", "analysistemplate.spec.metrics.provider.prometheus")
    check("query" in text, f"explain of an AnalysisTemplate: {text}")
    for path, wanted in (("deployment", "spec"), ("deployment.spec.template.spec.containers", "readinessProbe"), ("ingress.spec.rules", "host"),
                         ("pod.metadata", "ownerReferences"), ("configmap.data", "map[string]string")):
        text = place("explain", path)
        check(wanted in text, f"explain {path} has no {wanted}: {text}")
    check(place.try_("explain", "rollout.spec.nothing").code != 0, "explain of a field that does not exist")


def validation(place):
    """By the schema on the client (1.20 and older servers) or on the server: valid objects pass, misspelt fields do not."""
    place.refused("unknown field", "create", "-f", place.file("misspelt.json", changed(ROLLOUT, metadata__name="misspelt", spec__strateggy={})))
    place.refused("unknown field", "create", "-f", place.file("misspelt.json", changed(
        DEPLOYMENT, metadata__name="misspelt", spec__template__spec__containers__0__imagee="x")))
    rich = changed(
        ROLLOUT, metadata__name="rich", metadata__annotations={"a": "b"}, spec__progressDeadlineSeconds=60,
        spec__template__spec__containers__0__resources={"limits": {"cpu": 1, "memory": "64Mi"}},
        spec__template__spec__volumes=[{"name": "v", "emptyDir": {}}],
        spec__template__spec__containers__0__readinessProbe={"httpGet": {"path": "/", "port": 80}},
        spec__strategy={"canary": {"maxSurge": "25%", "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {"duration": "10s"}}, {"pause": {"duration": 5}}]}})
    place("create", "--validate=true", "--dry-run=server", "-f", place.file("rich.json", rich))
    place.refused("not found", "get", "rollout", "rich")
    for name in sorted(os.listdir(root("examples"))):
        if os.path.isdir(root("examples", name)):
            place("apply", "--validate=true", "--dry-run=client", "-f", root("examples", name))


def diff(place):
    path = place.file("diff.json", changed(ROLLOUT, spec__template__spec__containers__0__image="web:v2"))
    place("apply", "-f", path)
    answer = place.try_("diff", "-f", path)
    same(answer.code, 0, f"diff without a difference: {answer}")
    before = place.json("get", "rollout", "web")
    answer = place.try_("diff", "-f", place.file("other.json", changed(ROLLOUT, spec__revisionHistoryLimit=7)))
    check(answer.code == 1 and "+  revisionHistoryLimit: 7" in answer.out and "-      - image: web:v2" in answer.out, f"diff: {answer}")
    same(place.json("get", "rollout", "web"), before, "the Rollout after diff")
    answer = place.try_("diff", "-f", place.file("shop-diff.json", changed(DEPLOYMENT, spec__replicas=4)))
    check(answer.code == 1 and "replicas: 4" in answer.out, f"diff of a Deployment: {answer}")
    answer = place.try_("diff", "--server-side", "-f", place.file("fresh.json", changed(ROLLOUT, metadata__name="fresh")))
    check(answer.code == 1 and "name: fresh" in answer.out, f"diff --server-side of a new object: {answer}")


def edit(place):
    place.kubectl.env["KUBE_EDITOR"] = "sed -i s/replicas:\\ 3/replicas:\\ 4/"
    place("edit", "rollout", "web")
    same(place.json("get", "rollout", "web")["spec"]["replicas"], 4, "replicas after edit")
    place.kubectl.env["KUBE_EDITOR"] = "sed -i s/replicas:\\ 4/replicas:\\ 3/"
    place("edit", "rollout", "web")
    same(place.json("get", "rollout", "web")["spec"]["replicas"], 3, "replicas after another edit")


def wait_for_condition(place):
    condition = {"type": "Available", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "lastUpdateTime": "2026-01-01T00:00:00Z",
                 "reason": "AvailableReason", "message": "there"}
    place("apply", "-f", place.file("waited.json", changed(ROLLOUT, metadata__name="waited")))
    answer = place.try_("wait", "--for=condition=Available", "rollout/waited", "--timeout=1s")
    check(answer.code != 0 and "timed out" in answer.err, f"wait for what does not come: {answer}")
    waiting = place.kubectl.start(place.suite, os.path.join(place.directory, "wait.log"), "-n", place.namespace, "wait",
                                  "--for=condition=Available", "rollout/waited", "--timeout=30s")
    body = place.json("get", "rollout", "waited")
    body["status"] = {"conditions": [condition]}
    place.kubectl("replace", "--raw", f"/apis/argoproj.io/v1alpha1/namespaces/{place.namespace}/rollouts/waited/status",
                  "-f", place.file("waited.json", body))
    wait_until("kubectl wait ends", lambda: not waiting.alive(), 20)
    same(waiting.popen.returncode, 0, f"exit code of kubectl wait: {waiting.log()}")
    # Held by a finalizer until kubectl has looked (its log says so), else it might find nothing to wait for.
    place("patch", "rollout", "waited", "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    place("delete", "rollout", "waited", "--wait=false")
    log = os.path.join(place.directory, "wait-delete.log")
    deleting = place.kubectl.start(place.suite, log, "-n", place.namespace, "wait", "--for=delete", "rollout/waited", "--timeout=30s", "-v=6")
    wait_until("kubectl wait --for=delete watches", lambda: "watch=true" in open(log).read(), 20)
    place("patch", "rollout", "waited", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_until("kubectl wait --for=delete ends", lambda: not deleting.alive(), 20)
    same(deleting.popen.returncode, 0, f"exit code of kubectl wait --for=delete: {deleting.log()}")


def watch_json(place):
    log = os.path.join(place.directory, "watch.json")
    watching = place.kubectl.start(place.suite, log, "-n", place.namespace, "get", "configmaps", "-w", "-o", "json")
    wait_until("the watch shows what is there", lambda: "settings" in open(log).read(), 20)
    place("create", "configmap", "seen", "--from-literal=a=1")

    def documents():
        text, found, at = open(log).read(), [], 0
        decoder = json.JSONDecoder()
        while at < len(text):
            document, end = decoder.raw_decode(text, at)
            found.append(document["metadata"].get("name"))
            at = end + len(text[end:]) - len(text[end:].lstrip())
        return "seen" in found

    def shown():
        try:
            return documents()
        except ValueError:  # in the middle of a document
            return False
    wait_until("get -w -o json prints the new object", shown, 20)
    watching.stop()
    place("delete", "configmap", "seen")


def rights(place):
    for what in (("get", "pods"), ("create", "rollouts.argoproj.io"), ("update", "rollouts.argoproj.io/status"), ("get", "/healthz")):
        same(place("auth", "can-i", *what).split()[0], "yes", f"auth can-i {' '.join(what)}")
    check("*" in place("auth", "can-i", "--list"), "auth can-i --list")
    if place.embedded and place.kubectl.minor >= 28:
        check("system:admin" in place("auth", "whoami"), "auth whoami")


def history_and_undo(place):
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    place("create", "deployment", "past", "--image=past:v1")
    place("rollout", "status", "deployment/past", "--timeout=60s")
    place("set", "image", "deployment/past", "past=past:v2")
    place("rollout", "status", "deployment/past", "--timeout=60s")

    def revisions():
        return [line.split()[0] for line in place("rollout", "history", "deployment/past").splitlines()[2:] if line.strip()]
    same(revisions(), ["1", "2"], "revisions")
    check("past:v1" in place("rollout", "history", "deployment/past", "--revision=1"), "the template of revision 1")
    place("rollout", "undo", "deployment/past")
    same(place("get", "deployment", "past", "-o", image), "past:v1", "image after undo")
    place("rollout", "status", "deployment/past", "--timeout=60s")
    same(revisions(), ["2", "3"], "revisions after undo")
    place("rollout", "restart", "deployment/past")
    place("rollout", "status", "deployment/past", "--timeout=60s")
    same(revisions(), ["2", "3", "4"], "revisions after restart")
    place("delete", "deployment", "past", "--timeout=30s")


def without_kubelet(place):
    """What needs a kubelet or a metrics server says so, and what to do instead."""
    pod = place("get", "pods", "-l", "app=shop", "-o", "name").split()[0]
    answer = place.try_("top", "pods")
    check(answer.code != 0 and "etrics" in answer.err, f"top pods: {answer}")
    if not place.embedded:
        return
    place.refused("has no output", "logs", pod)
    place.refused("not found", "logs", "pod/none")
    place.refused("pods are no containers", "exec", pod, "--", "true")
    place.refused("nothing listens in this pod", "port-forward", pod, "18080:8080")


def jobs(place):
    def job(name, *command):
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "tool", "image": "tool", "command": list(command)}]}}}}
    place("apply", "-f", place.file("jobs.json", job("good", "sleep", "1"), job("bad", "exit", "3")))
    place("wait", "--for=condition=Complete", "job/good", "--timeout=30s")
    place("wait", "--for=condition=Failed", "job/bad", "--timeout=30s")
    place("delete", "jobs", "--all")
    wait_until("the jobs' pods are gone", lambda: not place("get", "pods", "-l", "job-name", "-o", "name").strip(), 30)


def pods(place):
    """Pods move by declared stages, on the embedded server and under the stand-in for the kubelet alike."""
    def pod(name, image="tool", policy="Never", annotations=None, **more):
        container = {"name": "tool", "image": image, **{key: value for key, value in more.items() if key in ("command", "readinessProbe")}}
        spec = {"restartPolicy": policy, "containers": [container], **{key: value for key, value in more.items() if key == "readinessGates"}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"set": "stages"}, "annotations": annotations or {}}, "spec": spec}

    place("apply", "-f", place.file(
        "pods.json", pod("plain"), pod("slow", annotations={"sluice.argoproj.io/stage-ready": "4s"}), pod("no-image", image="bad-image:v1"),
        pod("never", readinessProbe={"exec": {"command": ["false"]}}), pod("gated", readinessGates=[{"conditionType": "example.com/open"}]),
        pod("good", command=["sh", "-c", "sleep 1; exit 0"]), pod("bad", command=["sh", "-c", "exit 3"]),
        pod("crashes", policy="Always", command=["false"])))

    def state(name):
        row = place("get", "pod", name, "--no-headers").split()
        return row[1], row[2]

    def are(**wanted):
        seen = {name: state(name.replace("_", "-")) for name in wanted}
        check(seen == wanted, f"pods are {seen}")
        return True
    wait_until("a plain pod is ready", lambda: are(plain=("1/1", "Running")), 10)
    same(state("slow"), ("0/1", "Running"), "a pod whose stage ready takes 4 s")
    wait_until("pods end, fail and wait as their specs say", lambda: are(
        plain=("1/1", "Running"), slow=("1/1", "Running"), no_image=("0/1", "ErrImagePull"), never=("0/1", "Running"),
        good=("0/1", "Completed"), bad=("0/1", "Error"), crashes=("0/1", "CrashLoopBackOff")), 20)
    code = place.json("get", "pod", "bad")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
    same(code, 3, "exit code")

    def ready(name):
        return [one["status"] for one in place.json("get", "pod", name)["status"]["conditions"] if one["type"] == "Ready"]
    same(ready("gated"), ["False"], "Ready with a closed readiness gate")
    gated = place.json("get", "pod", "gated")
    gated["status"]["conditions"].append({"type": "example.com/open", "status": "True"})
    place.kubectl("replace", "--raw", f"/api/v1/namespaces/{place.namespace}/pods/gated/status", "-f", place.file("gated.json", gated))
    wait_until("the gate opens", lambda: ready("gated") == ["True"], 10)
    place("delete", "pods", "-l", "set=stages", "--timeout=30s")


def services(place):
    place("apply", "-f", place.file("service.json", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": {
        "selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}}))
    service = place.json("get", "service", "shop")["spec"]
    check(service["clusterIP"] and service["ports"][0]["protocol"] == "TCP" and service["sessionAffinity"] == "None", f"defaults: {service}")

    def addresses():
        subsets = place.json("get", "endpoints", "shop").get("subsets") or []
        return sum(len(subset.get("addresses") or []) for subset in subsets) == 3
    wait_until("three ready endpoints", addresses, 30)
    place("delete", "service", "shop")


def errors(place):
    place.refused("already exists", "create", "-f", place.file("settings.json", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}))
    place.refused("NotFound", "delete", "configmap", "none")
    place.refused("Invalid value", "apply", "-f", place.file("bad-name.json", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Bad_Name"}}))
    unknown = place.file("unknown.json", {"apiVersion": "none.example.com/v1", "kind": "Nothing", "metadata": {"name": "x"}})
    place.refused("no matches for kind", "apply", "-f", unknown)


def replace_and_edit(place):
    body = place.json("get", "configmap", "settings")
    old = body["metadata"]["resourceVersion"]
    body["data"] = {"c": "3"}
    path = place.file("replace.json", body)
    place("replace", "-f", path)
    same(place.json("get", "configmap", "settings")["data"], {"c": "3"}, "data after replace")
    body["metadata"]["resourceVersion"] = old
    place.refused("Conflict", "replace", "-f", place.file("stale.json", body))


def delete(place):
    place("delete", "rollout", "web", "--wait=true", "--timeout=30s")
    place.refused("not found", "get", "rollout", "web")
    place("delete", "deployment", "shop", "--cascade=orphan" if place.kubectl.minor >= 20 else "--cascade=false")
    check(place("get", "rs", "-l", "app=shop", "-o", "name").strip(), "an orphaning delete took the ReplicaSet along")
    place("delete", "rs", "-l", "app=shop", "--timeout=30s")
    wait_until("the pods are gone", lambda: not place("get", "pods", "-o", "name").strip(), 30)


def delete_namespace(place):
    place("apply", "-f", place.file("last.json", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last"}}))
    place.kubectl("delete", "namespace", place.namespace, "--timeout=60s", seconds=90)
    place.refused("not found", "get", "configmap", "last")


CASES = [
    ("discovery and versions", discovery), ("apply of a built-in kind", apply_client_side), ("apply of a custom resource", apply_custom_resource),
    ("apply --server-side: owners, conflicts, force, fields left out", apply_server_side), ("get prints tables", get_tables),
    ("get -w follows", watch_tables), ("describe", describe), ("patch in three ways, set image, label, annotate", patch),
    ("--subresource=status", subresource), ("scale, wait and rollout status", scale), ("create of what the command line says", create_by_command),
    ("explain", explain), ("validation against the schema", validation), ("diff", diff), ("edit", edit), ("wait for a condition and for deletion", wait_for_condition),
    ("get -w -o json", watch_json), ("auth can-i", rights), ("rollout history, undo and restart of a Deployment", history_and_undo), ("logs, exec, port-forward and top", without_kubelet), ("jobs run and end", jobs),
    ("pods move by their stages", pods),
    ("services get addresses and endpoints", services), ("refusals say why", errors), ("replace and its conflict", replace_and_edit),
    ("delete with and without dependants", delete), ("delete namespace", delete_namespace)]


def run_all(suite, kubectl, directory, number, embedded):
    """All cases with one kubectl. The CRDs are applied first, for each kubectl anew."""
    from .rollouts import apply_crds
    name = f"kubectl-{kubectl.minor}-{number}"
    if not suite.case(f"{kubectl.version}: crds/ are applied", apply_crds, kubectl):
        return
    place = Place(suite, kubectl, directory, name, embedded)
    kubectl("apply", "-f", place.file("namespace.json", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    for sentence, function in CASES:
        suite.case(f"{kubectl.version}: {sentence}", function, place)
