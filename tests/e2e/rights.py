"""RBAC on a real kube-apiserver: the namespaced installs, Secrets only by the overlay, one Lease, no Job with the controller's own
account, and the rights of the reference's own install (Leases cannot be watched there)."""
import os
import time

from harness.cases import Suite, check, same, wait_until
from harness.control_plane import ACCOUNT, NAMESPACE, Audit, ControlPlane, assets_or_skip
from harness.kubelet import Kubelet
from harness.programs import Controller, Kubectl, kubectls, root
from harness.prometheus import ScriptedPrometheus
from harness.rollouts import API, RolloutView, apply_crds

USER = f":{NAMESPACE}:{ACCOUNT}"
ALL = ["create", "get", "list", "watch", "update", "patch", "delete"]
# What the reference's install grants, as far as Sluice asks for it: (group, resources, verbs).
REFERENCE = [
    ("argoproj.io", ["rollouts", "rollouts/status", "rollouts/finalizers"], ["get", "list", "watch", "update", "patch"]),
    ("argoproj.io", ["analysisruns", "analysisruns/finalizers", "experiments", "experiments/finalizers"], ALL),
    ("argoproj.io", ["analysistemplates", "clusteranalysistemplates"], ["get", "list", "watch"]),
    ("apps", ["replicasets"], ALL),
    ("apps", ["deployments", "podtemplates"], ["get", "list", "watch", "update"]),
    ("", ["services"], ["get", "list", "watch", "patch", "create", "delete"]),
    ("", ["secrets", "configmaps"], ["get", "list", "watch"]),
    ("", ["pods"], ["list", "update", "watch"]),
    ("", ["pods/eviction"], ["create"]),
    ("", ["events"], ["create", "update", "patch"]),
    ("coordination.k8s.io", ["leases"], ["create", "get", "update"]),
    ("networking.k8s.io", ["ingresses"], ["create", "get", "list", "watch", "update", "patch"]),
    ("batch", ["jobs"], ALL)]


class World:
    def __init__(self, suite):
        assets, programs = assets_or_skip(), kubectls()
        self.suite = suite
        self.directory = suite.scratch()
        self.plane = ControlPlane(suite, assets, self.directory)
        self.admin = self.plane.admin
        self.audit = Audit(self.plane.audit_log)
        self.kubelet = Kubelet(suite, self.plane.client("kubelet", "stand-in"))
        self.prometheus = ScriptedPrometheus(suite, os.path.join(self.directory, "prometheus.value"))
        self.kubectls = [Kubectl(suite, program, self.plane.admin_config, self.directory) for program in programs]
        self.kubectl = self.kubectls[0]
        self.mark = 0
        self.running = []
        apply_crds(self.kubectl)

    def fresh(self):
        """Nothing of an earlier case: no controller, no install."""
        while self.running:
            self.running.pop().process.stop()
        for folder in ("deploy", "deploy/namespaced", "deploy/apart"):
            self.kubectl("delete", "-k", root(folder), "--ignore-not-found", "--timeout=60s", seconds=90)

    def start(self, name, *flags):
        self.mark = self.audit.mark()
        controller = Controller(self.suite, self.plane.account_config(), self.directory, name, self.prometheus.url, flags)
        self.running.append(controller)
        controller.wait_ready()
        return controller

    def may(self, verb, group, resource, name="", namespace=NAMESPACE):
        """Whether RBAC lets the controller's account do it."""
        answer = self.admin.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
                "user": "system:serviceaccount" + USER, "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}"],
                "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "name": name, "namespace": namespace}}})
        return answer["status"]["allowed"]

    def refused(self):
        return [entry for entry in self.audit.entries(USER, self.mark) if entry.get("responseStatus", {}).get("code") == 403]

    def carries_an_update(self, namespace):
        """examples/canary in this namespace, its update started and then promoted in full."""
        self.kubectl("-n", namespace, "apply", "-f", root("examples", "canary"))
        web = RolloutView(self.admin, "web", namespace)
        web.wait_phase("Healthy", 60)
        web.set_image("sluice-demo-app:v2")
        wait_until("the first pause began", lambda: web.status().get("pauseConditions"), 40)
        self.admin.merge(web.path + "/status", {"status": {"promoteFull": True}})

        def promoted():
            status = web.status()
            check(status.get("phase") == "Healthy" and status.get("stableRS") == status.get("currentPodHash"), f"status is {web.describe()}")
            return True
        wait_until("the update is promoted", promoted, 60)
        self.kubectl("-n", namespace, "delete", "-f", root("examples", "canary"), "--timeout=60s", seconds=90)


def namespaced(world):
    world.fresh()
    world.kubectl("create", "namespace", NAMESPACE)
    for kubectl in world.kubectls:
        kubectl("apply", "-k", root("deploy", "namespaced"))
        kubectl("apply", "-k", root("deploy", "secrets", "namespaced"))
    controller = world.start("namespaced", "--namespaced")
    world.carries_an_update(NAMESPACE)
    reads_a_secret(world, NAMESPACE)
    does_not_lend_its_account(world, NAMESPACE)
    only_its_lease(world)
    same(Audit.table(world.refused()), "", "requests refused by RBAC")
    wide = [entry for entry in world.audit.entries(USER, world.mark) if "namespace" not in entry.get("objectRef", {"namespace": ""})]
    same(Audit.table(wide), "", "requests beyond the namespace")
    check(controller.process.terminate_and_time() < 5, "the controller took 5 s or more to stop")
    for folder in (("deploy", "secrets", "namespaced"), ("deploy", "namespaced")):
        world.kubectl("delete", "-k", root(*folder), "--timeout=60s", seconds=90)
    check(world.admin.find(f"/api/v1/namespaces/{NAMESPACE}"), "removing the namespaced install removed the users' namespace")


def reads_a_secret(world, namespace):
    world.admin.create(f"/api/v1/namespaces/{namespace}/secrets", {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "metrics"}, "stringData": {"token": "open-sesame"}})
    runs = f"{API}/namespaces/{namespace}/analysisruns"
    world.admin.create(runs, run_with_secret("reads"))

    def successful():
        world.running[-1].process.require_alive()
        status = world.admin.get(f"{runs}/reads").get("status", {})
        check(status.get("phase") == "Successful", f"status: {status}")
        return True
    wait_until("a run with an argument from a Secret succeeds", successful, 30)


def only_its_lease(world):
    """F14: of Leases, which others elect their leaders by, the account may change its own."""
    rights = {(verb, name): world.may(verb, "coordination.k8s.io", "leases", name)
              for verb in ("get", "list", "watch", "update") for name in ("argo-rollouts-controller-lock", "another", "")}
    same(sorted(key for key, allowed in rights.items() if allowed),
         [(verb, "argo-rollouts-controller-lock") for verb in ("get", "list", "update", "watch")], "rights on Leases")
    check(not world.may("patch", "coordination.k8s.io", "leases", "argo-rollouts-controller-lock"), "Leases may be patched")


def does_not_lend_its_account(world, namespace):
    """F10: a Job with the controller's own ServiceAccount is refused, and nothing is created."""
    runs = f"{API}/namespaces/{namespace}/analysisruns"
    world.admin.create(runs, {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "borrows"}, "spec": {
        "metrics": [{"name": "job", "consecutiveErrorLimit": 0, "provider": {"job": {"spec": {"template": {"spec": {
            "serviceAccountName": ACCOUNT, "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}]}})

    def refused():
        status = world.admin.get(f"{runs}/borrows").get("status", {})
        check(status.get("phase") == "Error" and "the controller's own" in status.get("message", ""), f"status: {status}")
        return True
    wait_until("a Job with the controller's own account is refused", refused, 30)
    jobs = world.admin.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]
    same([job["metadata"]["name"] for job in jobs], [], "Jobs")


def apart(world):
    """F10: the account is out of the reach of the pods of the namespace that is driven."""
    team = "team-a"
    world.fresh()
    world.kubectl("create", "namespace", team)
    for kubectl in world.kubectls:
        kubectl("apply", "-k", root("deploy", "apart"))
        kubectl("-n", team, "apply", "-f", root("deploy", "secrets", "one-namespace", "role.yaml"))
    world.start("apart", "--namespaced", "--namespace", team)
    world.carries_an_update(team)
    reads_a_secret(world, team)
    only_its_lease(world)
    same(Audit.table(world.refused()), "", "requests refused by RBAC")
    beyond = [entry for entry in world.audit.entries(USER, world.mark)
              if (entry.get("objectRef", {}).get("namespace"), entry.get("objectRef", {}).get("resource"))
              not in ((NAMESPACE, "leases"),) and entry.get("objectRef", {}).get("namespace") != team]
    same(Audit.table(beyond), "", "requests beyond the namespace, but for the Lease")
    check(not world.may("get", "", "secrets", "any", NAMESPACE), "Secrets of the controller's namespace may be read")
    world.kubectl("delete", "-k", root("deploy", "apart"), "--timeout=60s", seconds=90)
    check(world.admin.find(f"/api/v1/namespaces/{team}"), "removing the install removed the users' namespace")


def run_with_secret(name):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name}, "spec": {
        "args": [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "metrics", "key": "token"}}}],
        "metrics": [{"name": "rate", "interval": "1s", "count": 2, "consecutiveErrorLimit": 20, "successCondition": "result[0] >= 0.95",
                     "provider": {"prometheus": {"address": "http://prometheus.monitoring.svc:9090", "query": "rate",
                                                 "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}]}}}]}}


def secrets(world):
    world.fresh()
    world.kubectl("apply", "-k", root("deploy"))
    controller = world.start("secrets")
    runs = f"{API}/namespaces/default/analysisruns"
    world.admin.create("/api/v1/namespaces/default/secrets", {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "metrics"}, "stringData": {"token": "open-sesame"}})
    world.admin.create(runs, run_with_secret("asks"))

    def text():
        run = world.admin.get(f"{runs}/asks")
        said = str(run.get("status"))
        check("get secrets" in said and "deploy/secrets" in said, f"status: {said}")
        return run["status"]
    wait_until("the run names the missing right and the overlay", text, 30)
    for kubectl in world.kubectls:
        kubectl("apply", "-k", root("deploy", "secrets"))

    def successful(name):
        status = world.admin.get(f"{runs}/{name}").get("status", {})
        check(status.get("phase") == "Successful", f"status: {status}")
        return status
    wait_until("the same run succeeds once the overlay is there", lambda: successful("asks"), 60)
    whole = str(world.admin.get(f"{runs}/asks")) + open(controller.log_path).read()
    check("open-sesame" not in whole, "the Secret's value shows in the run or in the log")
    controller.process.stop()
    listed = [entry for entry in world.audit.entries(USER, world.mark)
              if entry.get("objectRef", {}).get("resource") == "secrets" and entry["verb"] != "get"]
    same(Audit.table(listed), "", "other requests to Secrets than get")
    world.kubectl("delete", "-k", root("deploy", "secrets"), "--ignore-not-found", "--timeout=60s", seconds=90)


def reference_rights(world):
    rbac = "rbac.authorization.k8s.io"
    world.fresh()
    world.kubectl("apply", "-f", root("deploy", "namespace.yaml"), "-f", root("deploy", "service-account.yaml"))
    world.admin.create(f"/apis/{rbac}/v1/clusterroles", {
        "apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "argo-rollouts"},
        "rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources, verbs in REFERENCE]})
    world.admin.create(f"/apis/{rbac}/v1/clusterrolebindings", {
        "apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "argo-rollouts"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "argo-rollouts"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]})
    controller = world.start("reference", "--leader-election-lease-duration", "4s", "--leader-election-renew-deadline", "3s",
                             "--leader-election-retry-period", "1s")
    world.carries_an_update("default")
    beyond = [entry for entry in world.refused() if entry["objectRef"].get("resource") != "leases"]
    same(Audit.table(beyond), "", "requests refused by the reference's rights, but for Leases")
    standby = world.start("reference-standby", "--leader-election-lease-duration", "4s", "--leader-election-renew-deadline", "3s",
                          "--leader-election-retry-period", "1s")
    before = holder(world)
    signalled = time.time()
    controller.process.stop()
    wait_until("the standby leads", lambda: holder(world) not in ("", before), 20)
    world.suite.note(f"without the right to watch Leases the standby leads after {time.time() - signalled:.1f} s")
    check(time.time() - signalled < 5, "the standby polls every second and was to lead within 5 s")
    standby.process.stop()
    check(any("lease" in str(line).lower() and line.get("level") in ("warn", "warning", "info") for line in controller.lines()
              if "forbidden" in str(line).lower() or "right" in str(line).lower()), "no log line names the missing right on Leases")


def holder(world):
    leases = world.admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases")["items"]
    return (leases[0]["spec"].get("holderIdentity") or "") if leases else ""


def main():
    with Suite("rights") as suite:
        world = World(suite)
        suite.case("the namespaced install works and asks for nothing beyond its namespace", namespaced, world)
        suite.case("the controller of one namespace may live in another, where that one's pods cannot get its account", apart, world)
        suite.case("Secrets are read only where the overlay grants it, and the run says so otherwise", secrets, world)
        suite.case("the rights of the reference's install suffice; Leases are polled then", reference_rights, world)


if __name__ == "__main__":
    main()
