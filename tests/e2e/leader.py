"""Two controllers on a real kube-apiserver: one writes, the other takes over at once on SIGTERM and by the Lease on kill -9.
Each has an account of its own with the same rights, so that the audit log tells them apart."""
import os
import signal
import time

from harness.cases import Suite, check, same, wait_until
from harness.control_plane import ACCOUNT, NAMESPACE, Audit, ControlPlane, assets_or_skip
from harness.kubelet import Kubelet
from harness.programs import Controller, Kubectl, kubectls, root
from harness.prometheus import ScriptedPrometheus
from harness.rollouts import RolloutView, apply_crds, apply_deploy, record_weights, rising_then_zero

SECOND = "argo-rollouts-second"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
FAST = ("--leader-election-lease-duration", "6s", "--leader-election-renew-deadline", "5s", "--leader-election-retry-period", "1s")


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
        self.kubectl = Kubectl(suite, programs[0], self.plane.admin_config, self.directory)
        self.web = RolloutView(self.admin, "web")

    def start(self, account, name):
        controller = Controller(self.suite, self.configs[account], self.directory, name, self.prometheus.url, FAST)
        controller.account = account
        return controller

    def holder(self):
        leases = self.admin.get(LEASE)["items"]
        check(len(leases) == 1, f"Leases: {[one['metadata']['name'] for one in leases]}")
        return leases[0]["spec"].get("holderIdentity") or ""

    def writes(self, account, mark=0, leases=False):
        def wanted(entry):
            if entry.get("objectRef", {}).get("resource") == "leases":
                return leases and entry["verb"] in ("create", "update", "patch")
            return not leases and Audit.is_write(entry)
        return [entry for entry in self.audit.entries(f":{NAMESPACE}:{account}", mark)
                if wanted(entry) and entry.get("responseStatus", {}).get("code", 0) < 300]


def second_account(world):
    apply_crds(world.kubectl)
    apply_deploy(world.kubectl)
    world.admin.create(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SECOND}})
    subject = {"kind": "ServiceAccount", "name": SECOND, "namespace": NAMESPACE}
    rbac = "rbac.authorization.k8s.io"
    for path, kind, role in ((f"/apis/{rbac}/v1/clusterrolebindings", "ClusterRole", "argo-rollouts"),
                             (f"/apis/{rbac}/v1/namespaces/{NAMESPACE}/rolebindings", "Role", "argo-rollouts-lease")):
        world.admin.create(path, {"apiVersion": f"{rbac}/v1", "kind": f"{kind}Binding", "metadata": {"name": SECOND},
                                  "roleRef": {"apiGroup": rbac, "kind": kind, "name": role}, "subjects": [subject]})
    world.configs = {account: world.plane.account_config(account) for account in (ACCOUNT, SECOND)}


def one_writes(world):
    world.first = world.start(ACCOUNT, "first")
    world.first.wait_ready()
    wait_until("the first one leads", world.holder, 20)
    world.second = world.start(SECOND, "second")
    world.second.wait_ready()
    world.kubectl("apply", "-f", root("examples", "canary"))
    world.web.wait_phase("Healthy", 60)
    world.weights = record_weights(world.suite, world.admin, "web-web-canary")
    check(world.writes(ACCOUNT), "the leader wrote nothing")
    same(Audit.table(world.writes(SECOND)), "", "writes of the standby")


def fail_over(world):
    """SIGTERM to the leader inside the first pause."""
    world.began = world.web.set_image("sluice-demo-app:v2")
    wait_until("the first pause began", lambda: world.web.status().get("pauseConditions"), 40)
    mark = world.audit.mark()
    signalled = time.time()
    world.first.process.popen.send_signal(signal.SIGTERM)

    def taken():
        mine = world.writes(SECOND, mark, leases=True)
        return mine and mine[0]
    entry = wait_until("the standby takes the Lease", taken, 20, 0.02)
    seconds = Audit.time_of(entry) - signalled
    world.suite.note(f"SIGTERM to the Lease taken over in {seconds * 1000:.0f} ms")
    check(seconds < 2, f"it took {seconds:.2f} s")
    world.first.process.popen.wait(10)
    same(world.first.process.popen.returncode, 0, "exit code of the first one")
    after = [one for one in world.writes(ACCOUNT, mark) if Audit.time_of(one) > Audit.time_of(entry)]
    check(not after, f"the old leader wrote after the new one had the Lease: {Audit.table(after)}")


def carried_on(world):
    """The new leader finishes what the old one began, and takes no step twice; kill -9 of it is covered by the Lease."""
    wait_until("50 % go to the new version", lambda: 50 in world.weights.values(world.began), 30)
    world.third = world.start(ACCOUNT, "third")
    world.third.wait_ready()
    mark = world.audit.mark()
    world.second.process.kill()
    killed = time.time()
    entry = wait_until("the Lease runs out and is taken", lambda: (world.writes(ACCOUNT, mark, leases=True) or [None])[0], 30)
    seconds = Audit.time_of(entry) - killed
    world.suite.note(f"kill -9 to the Lease (6 s) taken over in {seconds:.1f} s")
    check(seconds < 9, f"it took {seconds:.1f} s with a Lease of 6 s")

    def promoted():
        status = world.web.status()
        check(status.get("phase") == "Healthy" and status.get("stableRS") == status.get("currentPodHash"), f"status is {world.web.describe()}")
        return True
    wait_until("the update is promoted", promoted, 90)
    rising_then_zero(world.weights.values(world.began), [20, 50, 100])


def main():
    with Suite("leader election") as suite:
        world = World(suite)
        for sentence, function in (("two accounts with the same rights", second_account), ("of two controllers one writes", one_writes),
                                   ("SIGTERM hands over in under 2 s", fail_over), ("the new leader carries on", carried_on)):
            if not suite.case(sentence, function, world):
                break


if __name__ == "__main__":
    main()
