"""What the tests on a real API server share: installing as a user would, and reading Rollouts."""
import time

from .cases import check, same, wait_until
from .client import Recorder
from .programs import root

CRDS = ["rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments"]
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
API = "/apis/argoproj.io/v1alpha1"


def apply_crds(kubectl):
    out = kubectl("apply", "-f", root("crds"))
    for crd in CRDS:
        check(f"{crd}.argoproj.io" in out, f"kubectl apply -f crds/ did not mention {crd}: {out}")
    for crd in CRDS:
        # kubectl 1.20 fails at once where a CRD has no conditions yet.
        wait = ("wait", "--for=condition=Established", f"crd/{crd}.argoproj.io", "--timeout=10s")
        wait_until(f"{crd} are served", lambda wait=wait: kubectl.try_(*wait).code == 0, 30)


def apply_deploy(kubectl):
    kubectl("apply", "-k", root("deploy"))


def apply_twice_changes_nothing(kubectl, *arguments):
    """kubectl calls a Deployment that names the type of its strategy "configured" whenever it is applied, and sends a patch
    without content: the generation tells."""
    def generations():
        items = kubectl.json("get", *arguments)["items"]
        return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"].get("generation") for one in items}

    kubectl("apply", *arguments)
    before = generations()
    said = [line for line in kubectl("apply", *arguments).strip().splitlines() if not line.endswith("unchanged")]
    same(generations(), before, f"generations around a second apply by kubectl {kubectl.version}")
    changed = [line for line in said if not line.startswith("deployment.apps/")]
    check(not changed, f"a second apply by kubectl {kubectl.version} still changed: {changed}")


class RolloutView:
    def __init__(self, client, name, namespace="default"):
        self.client, self.name, self.namespace = client, name, namespace
        self.path = f"{API}/namespaces/{namespace}/rollouts/{name}"

    def get(self):
        return self.client.get(self.path)

    def status(self):
        return self.get().get("status", {})

    def describe(self):
        status = self.status()
        keys = ("phase", "message", "currentStepIndex", "abort", "replicas", "updatedReplicas", "availableReplicas", "stableRS", "currentPodHash")
        return {key: status[key] for key in keys if key in status}

    def wait_phase(self, phase, seconds=60):
        def there():
            rollout = self.get()
            status = rollout.get("status", {})
            seen = status.get("phase") == phase and str(status.get("observedGeneration")) == str(rollout["metadata"]["generation"])
            check(seen, f"status is {self.describe()}")
            return status
        return wait_until(f"Rollout {self.name} becomes {phase}", there, seconds)

    def set_image(self, image):
        """As kubectl patch would; seconds since the epoch of the answer."""
        containers = self.get()["spec"]["template"]["spec"]["containers"]
        containers[0]["image"] = image
        self.client.merge(self.path, {"spec": {"template": {"spec": {"containers": containers}}}})
        return time.time()

    def replica_sets(self):
        uid = self.get()["metadata"]["uid"]
        listed = self.client.get(f"/apis/apps/v1/namespaces/{self.namespace}/replicasets")["items"]
        return [one for one in listed if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", []))]

    def analysis_runs(self):
        uid = self.get()["metadata"]["uid"]
        listed = self.client.get(f"{API}/namespaces/{self.namespace}/analysisruns")["items"]
        return [one for one in listed if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", []))]

    def events(self):
        listed = self.client.get(f"/api/v1/namespaces/{self.namespace}/events?fieldSelector=involvedObject.name%3D{self.name}")["items"]
        return [(one["reason"], one["message"]) for one in listed]


def canary_weight(ingress_name):
    def reduce(ingress):
        if ingress is None or ingress["metadata"]["name"] != ingress_name:
            return None
        text = ingress["metadata"].get("annotations", {}).get(WEIGHT)
        return None if text is None else int(text)
    return reduce


def record_weights(suite, client, ingress_name, namespace="default"):
    return Recorder(suite, client, f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses", canary_weight(ingress_name))


def record_steps(suite, client, rollout_name, namespace="default"):
    def reduce(rollout):
        if rollout is None or rollout["metadata"]["name"] != rollout_name:
            return None
        return rollout.get("status", {}).get("currentStepIndex")
    return Recorder(suite, client, f"{API}/namespaces/{namespace}/rollouts", reduce)


def rising_then_zero(weights, wanted):
    """The weights asked for, without the 0 before and after: `wanted`, in this order, none twice."""
    core = list(weights)
    while core and core[0] == 0:
        core.pop(0)
    while core and core[-1] == 0:
        core.pop()
    same(core, wanted, "weights at the canary Ingress")


__all__ = ["CRDS", "RolloutView", "apply_crds", "apply_deploy", "apply_twice_changes_nothing", "record_steps", "record_weights",
           "rising_then_zero"]
