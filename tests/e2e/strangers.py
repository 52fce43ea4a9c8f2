"""Findings F1, F2, F3 and F11 on a real kube-apiserver under RBAC: an account that may do everything in its own namespace, and
nothing elsewhere, neither passes nor fails a gate of somebody else's, and the controller writes nothing for it."""
import time

from harness.access import bind, is_refused, role, service_account
from harness.cases import Suite, check, same, wait_until
from harness.client import ApiError
from harness.control_plane import Audit
from harness.objects import (HASH, INSTANCE_ID, body, create, job_metric, namespace, open_gate, path, pod_template, rollout, routed,
                             service, template, web_metric)
from harness.rollouts import RolloutView
from harness.world import RealWorld, paused, wait_for_passes

VICTIM, EVIL = "victim", "evil"   # the lists of the caches have evil's objects first
FLAGS = ("--rollout-resync", "3", "--no-leader-elect")   # a full look every 3 s: what is told once is told once
VERDICT = "sluice.argoproj.io/abort-verdict"
HELD = {"finalizers": ["evil.example.com/held"]}   # the garbage collector can mark such an object, and not remove it
# The garbage collector leaves an owner alone whose API version nobody serves.
UNSERVED = "argoproj.io/v9"


class World(RealWorld):
    def __init__(self, suite):
        super().__init__(suite)
        for name in (VICTIM, EVIL):
            namespace(self.admin, name)
        mallory = service_account(self.admin, EVIL, "mallory")
        role(self.admin, "everything", [("argoproj.io", ["*"], ["*"]), ("apps", ["*"], ["*"]), ("batch", ["*"], ["*"])], EVIL)
        bind(self.admin, "everything", mallory, EVIL, kind="Role")
        self.attacker = self.plane.client(self.plane.account_token("mallory", EVIL), "mallory")
        role(self.admin, "routes", [("", ["services"], ["patch"]), ("networking.k8s.io", ["ingresses"], ["patch"])], VICTIM)
        bind(self.admin, "routes", service_account(self.admin, VICTIM, "editor"), VICTIM, kind="Role")
        self.editor = self.plane.client(self.plane.account_token("editor", VICTIM), "editor")
        for name in ("gated", "guarded", "shop", "weighed"):
            setattr(self, name, RolloutView(self.admin, name, VICTIM))
        self.told = []   # (kind, name) of the objects that a forged one was aimed at

    def evil_writes(self, mark=0):
        return [entry for entry in self.writes(mark=mark) if entry.get("objectRef", {}).get("namespace") == EVIL]

    def deletes(self, name):
        return [entry for entry in self.writes() if entry["verb"] == "delete" and entry["objectRef"].get("name") == name]

    def ignored(self, kind, name, ignored):
        """The Warning Events on the object aimed at that name what was ignored."""
        found = [one for one in self.warnings(VICTIM, name) if one[0] == kind and f"{EVIL}/{ignored}" in one[2].split()]
        check(found, f"no Warning Event on {kind} {name} names {EVIL}/{ignored}: {self.warnings(VICTIM, name)}")
        return found

    def forge(self, kind, genuine, owner_version=None, held=False, **parts):
        """The same name, labels and owner, in the attacker's namespace."""
        meta = genuine["metadata"]
        owners = [dict(one, apiVersion=owner_version or one["apiVersion"]) for one in meta["ownerReferences"]]
        for one in owners:
            one.pop("blockOwnerDeletion", None)
        spec = {key: value for key, value in genuine["spec"].items() if key not in ("selector",)}
        made = body(kind, meta["name"], parts.pop("spec", spec), meta.get("labels"), annotations=meta.get("annotations") or {},
                    ownerReferences=owners, **(HELD if held else {}))
        return create(self.attacker, EVIL, dict(made, **parts))


def run_status(phase):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"phase": phase, "message": f"forged to be {phase}", "startedAt": now, "completedAt": now, "metricResults": [{
        "name": "value", "phase": phase, "count": 1, "measurements": [{"phase": phase, "value": "1", "startedAt": now, "finishedAt": now}]}]}


def set_up(world):
    for name in ("gated", "guarded", "shop"):
        world.answer(f"{name}.checks", 0.7)
        create(world.admin, VICTIM, template(name, open_gate(f"{name}.checks")))
    create(world.admin, VICTIM,
           rollout("gated", {"canary": {"steps": [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "gated"}]}}, {"pause": {}}]}}),
           rollout("guarded", {"canary": {"analysis": {"templates": [{"templateName": "guarded"}]}, "steps": [{"setWeight": 50}, {"pause": {}}]}}),
           service("shop-active", "shop"),
           template("quick", web_metric("value", "quick.checks", successCondition="result == 1")),
           rollout("shop", {"blueGreen": {"activeService": "shop-active", "autoPromotionEnabled": False, "scaleDownDelaySeconds": 1,
                                          "prePromotionAnalysis": {"templates": [{"templateName": "quick"}]}}}),
           *routed("weighed", [{"setWeight": 50}, {"pause": {}}]))
    world.answer("quick.checks", 1)
    # Its own template of the same name passes everything; it is looked up in the victim's namespace only.
    create(world.attacker, EVIL, template("gated", web_metric("value", "quick.checks", successCondition="true")))
    world.controller = world.start_controller(*FLAGS)
    world.controller.wait_ready()
    for view in (world.gated, world.guarded, world.shop, world.weighed):
        view.wait_phase("Healthy", 60)


def fenced(world):
    """What is shown below is shown by what stands in the attacker's own namespace."""
    forbidden = [rollout("other", {"canary": {"steps": []}}), body("AnalysisRun", "other", {"metrics": []}),
                 body("Job", "other", {"template": {"spec": {"restartPolicy": "Never", "containers": []}}}),
                 body("ReplicaSet", "other", {"selector": {"matchLabels": {"app": "a"}}, "template": pod_template("a")})]
    for one in forbidden:
        check(is_refused(create, world.attacker, VICTIM, one), f"the attacker may create a {one['kind']} in {VICTIM}")
    check(is_refused(world.attacker.get, path("Rollout", VICTIM)), f"the attacker may read Rollouts of {VICTIM}")
    check(is_refused(world.editor.merge, world.shop.path, {"metadata": {"annotations": {"a": "b"}}}), "the editor of Services and Ingresses may write Rollouts")


def running_run(world, view):
    def runs():
        found = [run for run in world.owned("AnalysisRun", VICTIM, view.get()["metadata"]["uid"]) if run.get("status", {}).get("phase") == "Running"]
        check(found and found[-1]["status"].get("metricResults"), f"no run of {view.name} measures: {view.describe()}")
        return found[-1]
    return wait_until(f"an analysis of {view.name} runs", runs, 40)


def disturbed(world, view, genuine):
    """None while the genuine run goes on, else what has become of it."""
    run = world.admin.get(path("AnalysisRun", VICTIM, genuine["metadata"]["name"]))
    if run["status"]["phase"] != "Running" or run["spec"].get("terminate"):
        return (f"the genuine run is {run['status']['phase']} (terminate {run['spec'].get('terminate', False)}): "
                f"{run['status'].get('message')}; the Rollout: {view.describe()}")
    return None


def no_gate_is_passed(world):
    """F1, fail open: forged while the genuine run measures, with a status of its own making."""
    gated = world.gated
    gated.set_image("app:bad")
    genuine = running_run(world, gated)
    name = genuine["metadata"]["name"]
    world.forge("AnalysisRun", genuine, held=True, status=run_status("Successful"))

    def passed():
        status = gated.status()
        if status.get("currentStepIndex") != 1 or status.get("phase") == "Healthy":
            return f"the gate was passed: {gated.describe()}"
        return disturbed(world, gated, genuine)
    told_of(world, gated, "Rollout", name, passed)
    world.answer("gated.checks", 0.1)
    status = gated.wait_phase("Degraded", 30)
    check(status.get("abort") and "value" in status["message"], f"the genuine run was to abort it: {gated.describe()}")


def told_of(world, view, kind, name, never):
    """The controller has seen the forged object and said so, and has decided again since then."""
    world.told.append((kind, view.name, name))
    wait_until(f"{view.name} is told that {EVIL}/{name} was ignored", lambda: world.ignored(kind, view.name, name), 20, never=never)
    wait_for_passes(world.controller, VICTIM, view.name, 2, never)


def nothing_is_aborted(world):
    """F1, denial: a forged background run that failed; its owner's API version keeps the garbage collector away."""
    guarded = world.guarded
    guarded.set_image("app:v2")
    paused(guarded, 1)
    genuine = running_run(world, guarded)
    name = genuine["metadata"]["name"]
    world.forge("AnalysisRun", genuine, owner_version=UNSERVED, status=run_status("Failed"))

    def aborted():
        status = guarded.status()
        if status.get("abort") or status.get("phase") == "Degraded":
            return f"it was aborted: {guarded.describe()}"
        return disturbed(world, guarded, genuine)
    told_of(world, guarded, "Rollout", name, aborted)
    world.plugin(VICTIM, "promote", "guarded")
    status = guarded.wait_phase("Healthy", 30)
    same(status["stableRS"], status["currentPodHash"], "stable hash after the promotion")


def foreign_replica_set(world):
    """F1: it counted for nothing on the first release either, which told nobody."""
    genuine = world.guarded.replica_sets()[0]
    labels = dict(genuine["metadata"]["labels"])
    world.forge("ReplicaSet", genuine, owner_version=UNSERVED, spec={"replicas": 0, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": genuine["spec"]["template"]["spec"]}})
    before, mark = world.guarded.describe(), world.audit.mark()
    told_of(world, world.guarded, "Rollout", genuine["metadata"]["name"], None)
    same(Audit.table(world.evil_writes(mark)), "", "writes to the attacker's namespace")
    same(world.guarded.describe(), before, "status")


def no_job_answers(world, name, code, forged_as, wanted):
    """F2: the genuine Job ends with `code` after some seconds; the forged one says at once what it likes."""
    run = create(world.admin, VICTIM, body("AnalysisRun", name, {"metrics": [job_metric("check", f"sleep 5; exit {code}")]}))
    uid = run["metadata"]["uid"]
    genuine = wait_until("the genuine Job is there", lambda: (world.owned("Job", VICTIM, uid) or [None])[0], 20)
    job = genuine["metadata"]["name"]
    spec = {"parallelism": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "check", "image": "check:v1"}]}}}
    world.forge("Job", genuine, owner_version=UNSERVED, spec=spec)
    world.attacker.merge(path("Job", EVIL, job) + "/status", {"status": {
        "conditions": [{"type": forged_as, "status": "True", "message": "forged"}], "succeeded": int(forged_as == "Complete")}})
    here = path("AnalysisRun", VICTIM, name)

    def over():
        status = world.admin.get(here).get("status", {})
        check(status.get("phase") in ("Successful", "Failed", "Error"), f"status: {status}")
        return status
    status = wait_until(f"run {name} is over", over, 30)
    same(status["phase"], wanted, f"phase of the run ({status.get('message', '')}; Jobs deleted: {Audit.table(world.deletes(job))})")
    same(Audit.table(world.deletes(job)), "", "deletes of Jobs of this name")
    world.told.append(("AnalysisRun", name, job))
    wait_until(f"run {name} is told that {EVIL}/{job} was ignored", lambda: world.ignored("AnalysisRun", name, job), 15)


def other_instances_are_left_alone(world):
    """F3: the attacker's objects carry another controller's id; whatever happens to what they own, this controller has no say.
    One without an id, made later, shows that all of it has been seen."""
    labels = {INSTANCE_ID: "somebody-else"}
    iso = create(world.attacker, EVIL, rollout("iso", {"canary": {"steps": [{"setWeight": 50}]}}, labels=labels))
    check_run = create(world.attacker, EVIL, body("AnalysisRun", "iso-check", {"metrics": [job_metric("check", "true")]}, labels))
    create(world.attacker, EVIL, body("AnalysisRun", "iso-run", {"metrics": [job_metric("check", "true")]}, labels,
                                      ownerReferences=[owner_of(iso)]))
    hashed = {"app": "iso", HASH: "abc"}
    create(world.attacker, EVIL, body("ReplicaSet", "iso-abc", {"replicas": 1, "selector": {"matchLabels": hashed}, "template": {
        "metadata": {"labels": hashed}, "spec": pod_template("iso")["spec"]}}, hashed, ownerReferences=[owner_of(iso)]))
    create(world.attacker, EVIL, body("Job", "iso-job", {"template": {"spec": {"restartPolicy": "Never", "containers": [
        {"name": "c", "image": "c:v1", "command": ["true"]}]}}}, ownerReferences=[owner_of(check_run)]))

    def settled():
        job = world.attacker.get(path("Job", EVIL, "iso-job"))
        set_ = world.attacker.get(path("ReplicaSet", EVIL, "iso-abc"))
        check(job.get("status", {}).get("succeeded") and set_["status"].get("readyReplicas"), f"{job.get('status')} {set_['status']}")
        return True
    wait_until("what the attacker made has changed by itself", settled, 30)
    world.attacker.delete(path("AnalysisRun", EVIL, "iso-run"))
    world.attacker.merge(path("ReplicaSet", EVIL, "iso-abc"), {"spec": {"replicas": 2}})
    create(world.attacker, EVIL, rollout("own", {"canary": {"steps": [{"setWeight": 50}]}}))
    create(world.attacker, EVIL, body("AnalysisRun", "own-run", {"metrics": [job_metric("check", "true")]}))
    RolloutView(world.admin, "own", EVIL).wait_phase("Healthy", 40)
    wait_until("the attacker's own run succeeds", lambda: world.admin.get(path("AnalysisRun", EVIL, "own-run")).get("status", {}).get("phase") ==
               "Successful", 30)
    foreign = [entry for entry in world.evil_writes() if "iso" in str(entry["objectRef"].get("name")) + str(entry.get("requestObject"))]
    same(Audit.table(foreign), "", "writes to objects of another instance")
    same(world.admin.get(path("Rollout", EVIL, "iso")).get("status"), None, "status of the other instance's Rollout")


def owner_of(made):
    return {"apiVersion": made["apiVersion"], "kind": made["kind"], "name": made["metadata"]["name"], "uid": made["metadata"]["uid"], "controller": True}


def leave_verdict(world, view, kind, name, run):
    """As a controller leaves one that dies between the cut and its record; aborts nothing in two passes."""
    verdict = f'{{"hash":"{view.status()["currentPodHash"]}","message":"forged by an editor","metric":"value","run":"{run}"}}'
    world.editor.merge(path(kind, VICTIM, name), {"metadata": {"annotations": {VERDICT: verdict}}})
    wait_for_passes(world.controller, VICTIM, view.name, 2, lambda: aborted(view))


def aborted(view):
    status = view.status()
    return f"it was aborted: {view.describe()}" if status.get("abort") or status.get("phase") == "Degraded" else None


def promoted_and_told(world, view):
    wanted = view.status()["currentPodHash"]
    world.plugin(VICTIM, "promote", view.name)
    wait_until(f"{view.name} is promoted", lambda: view.status().get("stableRS") == wanted, 30, never=lambda: aborted(view))
    view.wait_phase("Healthy", 30)
    warnings = world.warnings(VICTIM, view.name)
    check(any("verdict" in one[2].lower() for one in warnings), f"no Warning Event on {view.name} names the annotation: {warnings}")
    check(all("forged by an editor" not in one[2] for one in warnings), f"an Event repeats the editor's text: {warnings}")


def no_annotation_on_a_service_aborts(world):
    """F11: one that names no run at all, one that names a run that passed, one that names a failed run of another Rollout."""
    shop = world.shop
    shop.set_image("app:v2")
    wait_until("green waits for a person", lambda: shop.status().get("phase") == "Paused" and shop.status().get("message") == "BlueGreenPause", 40)
    passed = world.owned("AnalysisRun", VICTIM, shop.get()["metadata"]["uid"])[-1]["metadata"]["name"]
    strange = world.owned("AnalysisRun", VICTIM, world.gated.get()["metadata"]["uid"])[-1]["metadata"]["name"]
    for run in ("no-such-run", passed, strange):
        leave_verdict(world, shop, "Service", "shop-active", run)
    promoted_and_told(world, shop)


def no_annotation_on_an_ingress_aborts(world):
    """F11: the same on the Ingress that carries the weight."""
    weighed = world.weighed
    weighed.set_image("app:v2")
    paused(weighed, 1)
    leave_verdict(world, weighed, "Ingress", "weighed-weighed-canary", "no-such-run")
    promoted_and_told(world, weighed)


def told_once(world):
    """Over all full looks since then."""
    check(world.told, "nothing was to be told: no case before this one came so far")
    for kind, name, ignored in world.told:
        found = world.ignored(kind, name, ignored)
        same([one[3] for one in found], [1], f"times that {kind} {name} was told of {ignored}: {found}")


def nothing_for_the_attacker(world):
    own = [entry for entry in world.evil_writes() if entry["objectRef"].get("resource") != "events"]
    foreign = [entry for entry in own if not str(entry["objectRef"].get("name") or "own").startswith(("own", own_uid(world)))]
    same(Audit.table(foreign), "", "writes to what the attacker forged")
    refused = [entry for entry in world.writes() if entry.get("responseStatus", {}).get("code") == 403]
    same(Audit.table(refused), "", "the controller's requests refused by RBAC")


def own_uid(world):
    """Jobs of the attacker's genuine run are named after it."""
    try:
        return world.admin.get(path("AnalysisRun", EVIL, "own-run"))["metadata"]["uid"]
    except ApiError:
        return "own"


def main():
    with Suite("strangers") as suite:
        world = World(suite)
        if not suite.case("the victim's Rollouts are Healthy", set_up, world):
            return
        suite.case("the attacker's rights end with its namespace", fenced, world)
        suite.case("F1: a forged Successful run of another namespace passes no gate", no_gate_is_passed, world)
        suite.case("F1: a forged Failed run of another namespace aborts nothing", nothing_is_aborted, world)
        suite.case("F1: a forged ReplicaSet of another namespace counts for nothing and is told of", foreign_replica_set, world)
        suite.case("F2: a forged complete Job of another namespace is no success",
                   lambda: no_job_answers(world, "fails", 1, "Complete", "Failed"))
        suite.case("F2: a forged failed Job of another namespace is no failure",
                   lambda: no_job_answers(world, "succeeds", 0, "Failed", "Successful"))
        suite.case("F3: objects of another instance id are left alone whatever wakes them", other_instances_are_left_alone, world)
        suite.case("F11: a forged abort-verdict on the active Service aborts nothing", no_annotation_on_a_service_aborts, world)
        suite.case("F11: nor does one on the canary Ingress", no_annotation_on_an_ingress_aborts, world)
        suite.case("what was ignored is told once", told_once, world)
        suite.case("nothing of the attacker's was written", nothing_for_the_attacker, world)


if __name__ == "__main__":
    main()
