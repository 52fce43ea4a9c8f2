"""Finding N1 on a real kube-apiserver: what the server refuses once (a missing right, a quota) is tried again, the Rollout says so
meanwhile, and an abort is held up by no refusal of before. The controller's account has the rights in question by RoleBindings
in each namespace, which a case takes away and gives back."""
import time

from harness.access import bind, controller_account, may, role, take_from_cluster_role, unbind
from harness.cases import Suite, check, same, wait_until
from harness.control_plane import ACCOUNT, Audit
from harness.objects import body, create, namespace, path, rollout, routed, template, web_metric
from harness.rollouts import WEIGHT, RolloutView
from harness.world import RealWorld, paused

INGRESSES, RUNS = "writes-ingresses", "creates-analysis-runs"
STEPS = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {}}]
# The back-off doubles from 20 ms to 10 s (± 20 %): after one refusal more than these the next attempt is four seconds away.
MANY = 8
AGAIN = 15     # seconds within which a write is tried again once nothing forbids it
AT_ONCE = 2    # and an abort's, which waits for nothing


class Refused:
    """A Rollout in a namespace of its own, whose controller may be refused there."""

    def __init__(self, world, name, right, *objects):
        self.world, self.name, self.right = world, name, right
        namespace(world.admin, name)
        if right:
            bind(world.admin, right, controller_account(), name)
        create(world.admin, name, *objects)
        self.view = RolloutView(world.admin, "web", name)
        self.mark = 0

    def _asks(self):
        return {INGRESSES: ("patch", "networking.k8s.io", "ingresses"), RUNS: ("create", "argoproj.io", "analysisruns")}[self.right]

    def may(self):
        return may(self.world.account, *self._asks(), self.name)

    def take(self):
        self.mark = self.world.audit.mark()
        unbind(self.world.admin, self.right, self.name)
        wait_until(f"the right {self.right} is gone in {self.name}", lambda: not self.may(), 10)

    def give_back(self):
        bind(self.world.admin, self.right, controller_account(), self.name)
        wait_until(f"the right {self.right} is back in {self.name}", self.may, 10, 0.02)
        return time.time()

    def requests(self, resource, since=0.0, code=403):
        """The controller's writes to this kind here that were answered so."""
        return [entry for entry in self.world.writes(mark=self.mark)
                if entry.get("objectRef", {}).get("resource") == resource and entry["objectRef"].get("namespace") == self.name and
                entry.get("responseStatus", {}).get("code") == code and Audit.time_of(entry) >= since]

    def weight(self):
        ingress = self.world.admin.find(path("Ingress", self.name, "web-web-canary"))
        return int((ingress or {"metadata": {}})["metadata"].get("annotations", {}).get(WEIGHT, 0))

    def wait_weight(self, weight, seconds):
        wait_until(f"{weight} % go to the new version in {self.name}", lambda: self.weight() == weight, seconds, 0.05)

    def says(self, *wanted):
        """The status names the refusal, and belongs to the present generation."""
        rollout_now = self.view.get()
        status = rollout_now.get("status", {})
        said = [status.get("message") or ""] + [one.get("message") or "" for one in status.get("conditions") or []]
        check(any(all(word in text for word in wanted) for text in said), f"nothing in the status names {wanted}: {said}")
        same(str(status.get("observedGeneration")), str(rollout_now["metadata"]["generation"]), "observedGeneration")
        check(status.get("phase") in ("Progressing", "Degraded"), f"status is {self.view.describe()}")
        return True

    def wait_says(self, *wanted):
        wait_until(f"the status in {self.name} names the refusal", lambda: self.says(*wanted), 15)

    def wait_silent(self, text):
        wait_until(f"the status in {self.name} names the refusal no longer", lambda: text not in str(self.view.status()), 5)


class World(RealWorld):
    def __init__(self, suite):
        super().__init__(suite, ",resourcequota")
        take_from_cluster_role(self.admin, "argo-rollouts", {"ingresses": ["create", "patch"], "analysisruns": ["create"]})
        role(self.admin, INGRESSES, [("networking.k8s.io", ["ingresses"], ["create", "patch"])])
        role(self.admin, RUNS, [("argoproj.io", ["analysisruns"], ["create"])])
        self.account = self.plane.client(self.plane.account_token(ACCOUNT))
        self.answer("web.checks", 1)
        self.places = {name: Refused(self, name, INGRESSES, *routed("web", STEPS)) for name in ("step", "cut", "late")}
        plain = [{"setWeight": 50}, {"pause": {}}]
        self.places["quota"] = Refused(self, "quota", None, rollout("web", {"canary": {"steps": plain}}, replicas=2))
        gated = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "web"}]}}, {"pause": {}}]
        self.places["runs"] = Refused(self, "runs", RUNS, template("web", web_metric("value", "web.checks", successCondition="result == 1")),
                                      rollout("web", {"canary": {"steps": gated}}, replicas=2))
        self.controller = self.start_controller("--no-leader-elect")


def set_up(world):
    world.controller.wait_ready()
    for place in world.places.values():
        place.view.wait_phase("Healthy", 60)
    quota = world.places["quota"]
    create(world.admin, "quota", body("ResourceQuota", "one", {"hard": {"count/replicasets.apps": "1"}}))
    for place in world.places.values():
        if place.right == INGRESSES:
            place.view.set_image("app:v2")
    wait_until("the quota counts", lambda: (world.admin.get(path("ResourceQuota", "quota", "one")).get("status", {}).get("used") or {}).get(
        "count/replicasets.apps") == "1", 30)
    quota.mark = world.audit.mark()
    for place in world.places.values():
        if place.right == INGRESSES:
            paused(place.view, 1)
            place.wait_weight(50, 5)


def refused(world):
    """Side by side, until each has been refused often."""
    for place in world.places.values():
        if place.right:
            place.take()
        if place.right == INGRESSES:
            world.plugin(place.name, "promote", "web")
        else:
            place.view.set_image("app:v2")
    for name, place in world.places.items():
        resource = {"quota": "replicasets", "runs": "analysisruns"}.get(name, "ingresses")
        wait_until(f"the {resource} of {name} are refused {MANY} times", lambda p=place, r=resource: len(p.requests(r)) >= MANY, 40)


def weight_said(world):
    place = world.places["step"]
    same(place.weight(), 50, "weight while it is refused")
    place.wait_says("ingresses", "forbidden")


def weight_again(world):
    place = world.places["step"]
    given = place.give_back()
    place.wait_weight(75, AGAIN)
    world.suite.note(f"weight 75 {time.time() - given:.1f} s after the right was back")
    paused(place.view, 3)
    place.wait_silent("forbidden")


def abort_just_after_a_refusal(place, before=lambda: None):
    """So that no attempt of before is due for a while. The time of the abort."""
    known = len(place.requests("ingresses"))
    wait_until("the next refusal", lambda: len(place.requests("ingresses")) > known, 15, 0.02)
    before()
    aborted = time.time()
    place.view.client.merge(place.view.path + "/status", {"status": {"abort": True}})
    return aborted


def abort_tried(world):
    place = world.places["cut"]
    aborted = abort_just_after_a_refusal(place)
    wait_until("the cut is tried at once", lambda: place.requests("ingresses", aborted), AT_ONCE)
    wait_until("the abort is on record", lambda: place.view.status().get("abort"), 10)
    place.wait_says("ingresses", "forbidden")


def abort_cuts(world):
    place = world.places["cut"]
    given = place.give_back()
    place.wait_weight(0, AGAIN)
    world.suite.note(f"cut {time.time() - given:.1f} s after the right was back")
    place.view.wait_phase("Degraded", 20)


def abort_after_the_refusal(world):
    """The right is back, and no other attempt is due yet."""
    place = world.places["late"]
    aborted = abort_just_after_a_refusal(place, place.give_back)
    place.wait_weight(0, AT_ONCE)
    world.suite.note(f"abort after a refusal cut in {time.time() - aborted:.1f} s")
    place.view.wait_phase("Degraded", 20)


def quota_said(world):
    place = world.places["quota"]
    same(len(place.view.replica_sets()), 1, "ReplicaSets under the quota")
    place.wait_says("exceeded quota")


def quota_again(world):
    place = world.places["quota"]
    old = place.view.status()["stableRS"]
    world.admin.delete(path("ResourceQuota", "quota", "one"))
    gone = time.time()
    wait_until("the new ReplicaSet is there", lambda: len(place.view.replica_sets()) == 2, AGAIN)
    world.suite.note(f"ReplicaSet {time.time() - gone:.1f} s after the quota was gone")
    paused(place.view, 1)
    place.wait_silent("exceeded quota")
    world.plugin(place.name, "promote", "web")
    check(place.view.wait_phase("Healthy", 30)["stableRS"] != old, f"status is {place.view.describe()}")


def run_said(world):
    place = world.places["runs"]
    place.wait_says("analysisruns", "forbidden")
    same(place.view.status().get("currentStepIndex"), 1, "step while its gate cannot be made")


def run_again(world):
    place = world.places["runs"]
    given = place.give_back()
    wait_until("the AnalysisRun is there", place.view.analysis_runs, AGAIN)
    world.suite.note(f"AnalysisRun {time.time() - given:.1f} s after the right was back")
    paused(place.view, 2)
    place.wait_silent("forbidden")


def no_hammering(world):
    """Trying again is no hot loop."""
    seconds = time.monotonic() - world.suite.started
    for place in world.places.values():
        refused = [entry for entry in world.writes() if entry.get("responseStatus", {}).get("code") == 403 and
                   entry["objectRef"].get("namespace") == place.name]
        check(len(refused) < 4 * MANY + seconds / 4, f"{len(refused)} refused requests in {place.name} in {seconds:.0f} s: {Audit.table(refused)}")


def main():
    with Suite("refusals") as suite:
        world = World(suite)
        if not suite.case("five Rollouts, each in a namespace with rights of its own", set_up, world):
            return
        suite.case(f"weights, a ReplicaSet and an AnalysisRun are refused, and tried {MANY} times (N1)", refused, world)
        for sentence, function in (
                ("N1: an abort during a refusal is tried at once", abort_tried), ("N1: it cuts once it may", abort_cuts),
                ("N1: an abort after a refusal cuts at once", abort_after_the_refusal),
                ("N1: the status names the refused weight", weight_said), ("N1: it is tried again, and the step goes on", weight_again),
                ("N1: the status names the quota that refuses a ReplicaSet", quota_said), ("N1: it is made once there is room", quota_again),
                ("N1: the status names the refused AnalysisRun", run_said),
                ("N1: it is made once it may be, and its gate counts", run_again)):
            suite.case(sentence, function, world)
        suite.case("a refusal makes no hot loop", no_hammering, world)


if __name__ == "__main__":
    main()
