"""Three controllers in one namespace of a real kube-apiserver, one without an instance id, one `blue`, and one `green` and namespaced: the
audit log has no write of any of them to what belongs to another, over canaries with analyses, aborts, restarts of all of them, and all that
wakes an owner. Each controller has an account of its own with the same rights, which alone would let it write everything."""
from harness.access import bind, controller_account, role, service_account
from harness.cases import Suite, check, same, wait_until
from harness.control_plane import ACCOUNT, NAMESPACE, Audit
from harness.objects import HASH, INSTANCE_ID, body, create, job_metric, namespace, open_gate, path, pod_template, rollout, routed, template
from harness.rollouts import RolloutView
from harness.world import RealWorld, passes, paused, wait_for_passes

SHARED = "shared"
IDS = {"plain": "", "blue": "blue", "green": "green"}   # Rollout and controller of this name: instance id
ACCOUNTS = {"plain": ACCOUNT, "blue": "argo-rollouts-blue", "green": "argo-rollouts-green"}
STEPS = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": None}]}}, {"setWeight": 60}, {"pause": {}}]


def labels_of(name):
    return {INSTANCE_ID: IDS.get(name, name)} if IDS.get(name, name) else None


class World(RealWorld):
    def __init__(self, suite):
        super().__init__(suite)
        namespace(self.admin, SHARED)
        for name, account in ACCOUNTS.items():
            if account != ACCOUNT:   # as deploy/ has it for the controller without an id
                service_account(self.admin, NAMESPACE, account)
                bind(self.admin, account, controller_account(account), role_name="argo-rollouts")
                role(self.admin, account, [("coordination.k8s.io", ["leases"], ["create"]),
                                           ("coordination.k8s.io", ["leases"], ["get", "list", "watch", "update"],
                                            [f"argo-rollouts-controller-lock-{IDS[name]}"])], NAMESPACE)
                bind(self.admin, account, controller_account(account), NAMESPACE, kind="Role")
        self.views = {name: RolloutView(self.admin, name, SHARED) for name in IDS}
        self.controllers = {}
        self.stranger = None

    def start(self, name):
        flags = ["--instance-id", IDS[name]] if IDS[name] else []
        # The one that is killed: its Lease has to run out.
        flags += ["--leader-election-lease-duration", "10s", "--leader-election-renew-deadline", "8s"] if name == "blue" else []
        flags += ["--namespaced", "--namespace", SHARED] if name == "green" else []
        self.controllers[name] = self.start_controller("--rollout-resync", "4", *flags, name=f"controller-{name}", account=ACCOUNTS[name])

    def each(self, action):
        return {name: action(name, view) for name, view in self.views.items()}

    def runs(self, name):
        return self.owned("AnalysisRun", SHARED, self.views[name].get()["metadata"]["uid"])

    def owners(self):
        """{uid of any AnalysisRun there ever was: name of its Rollout}, from what the controllers made: Jobs are named after it."""
        found = {}
        for account in ACCOUNTS.values():
            for entry in self.writes(account):
                run = entry.get("requestObject") or {}
                if entry["objectRef"].get("resource") == "jobs" and entry["verb"] == "create":
                    annotations = run["metadata"]["annotations"]
                    found[run["metadata"]["ownerReferences"][0]["uid"]] = annotations["analysisrun.argoproj.io/name"]
        return found


def objects_of(name):
    steps = [dict(step) for step in STEPS]
    steps[1] = {"analysis": {"templates": [{"templateName": f"{name}-job"}]}}
    yield template(f"{name}-job", job_metric("check", "sleep 1; exit 0"))
    yield template(f"{name}-value", open_gate(f"{name}.checks"))
    yield from routed(name, steps, labels_of(name), analysis={"templates": [{"templateName": f"{name}-value"}]})


def set_up(world):
    """The stranger's Rollout is of an instance that nobody runs: its ReplicaSet, AnalysisRun and Job are made by hand."""
    for name in IDS:
        world.answer(f"{name}.checks", 0.7)
        create(world.admin, SHARED, *objects_of(name))
    labels = labels_of("nobody")
    hashed = {"app": "nobody", HASH: "abc"}
    world.stranger = create(world.admin, SHARED, rollout("nobody", {"canary": {"steps": [{"setWeight": 50}]}}, labels=labels))
    create(world.admin, SHARED, body("Experiment", "nobody", {"templates": []}, labels))
    run = create(world.admin, SHARED, body("AnalysisRun", "nobody-run", {"metrics": [job_metric("check", "sleep 1")]}, labels,
                                           ownerReferences=[owner_of(world.stranger)]))
    create(world.admin, SHARED,
           body("ReplicaSet", "nobody-abc", {"replicas": 1, "selector": {"matchLabels": hashed}, "template": {
               "metadata": {"labels": hashed}, "spec": pod_template("nobody")["spec"]}}, hashed, ownerReferences=[owner_of(world.stranger)]),
           body("Job", "nobody-job", {"template": {"spec": {"restartPolicy": "Never", "containers": [
               {"name": "c", "image": "c:v1", "command": ["sleep", "1"]}]}}}, ownerReferences=[owner_of(run)]))
    for name in IDS:
        world.start(name)
    for controller in world.controllers.values():
        controller.wait_ready()
    world.each(lambda name, view: view.wait_phase("Healthy", 60))


def owner_of(made):
    return {"apiVersion": made["apiVersion"], "kind": made["kind"], "name": made["metadata"]["name"], "uid": made["metadata"]["uid"], "controller": True}


def update(world, image):
    """All at once, up to the pause at 60 %."""
    world.each(lambda name, view: view.set_image(image))
    world.each(lambda name, view: paused(view, 3, 60))


def promote(world):
    world.each(lambda name, view: world.plugin(SHARED, "promote", name))
    world.each(lambda name, view: view.wait_phase("Healthy", 40))


def canaries(world):
    update(world, "app:v2")
    promote(world)
    for name in IDS:
        phases = sorted(run["status"]["phase"] for run in world.runs(name))
        same(phases, ["Successful", "Successful"], f"phases of the AnalysisRuns of {name}")


def aborts(world):
    """One by a person, one by its analysis, one by the other way to ask a person's abort."""
    update(world, "app:v3")
    world.plugin(SHARED, "abort", "plain")
    world.answer("blue.checks", 0.1)
    world.admin.merge(world.views["green"].path + "/status", {"status": {"abort": True}})
    world.each(lambda name, view: view.wait_phase("Degraded", 40))
    world.answer("blue.checks", 0.7)


def restarts(world):
    """In the middle of an update: two by SIGTERM, one by kill -9."""
    update(world, "app:v4")
    before = world.each(lambda name, view: view.status()["pauseConditions"])
    for name, controller in list(world.controllers.items()):
        if name == "blue":
            controller.process.kill()
        else:
            same((controller.process.stop(), name), (0, name), "exit code after SIGTERM")
        world.start(name)
    for controller in world.controllers.values():
        controller.wait_ready()
    same(world.each(lambda name, view: view.status()["pauseConditions"]), before, "pauses after the restarts")
    promote(world)


def everything_wakes(world):
    """Changes of what Rollouts own, by somebody else: annotated ReplicaSets, deleted AnalysisRuns and Jobs, an orphan."""
    for view in world.views.values():
        for one in view.replica_sets():
            world.admin.merge(path("ReplicaSet", SHARED, one["metadata"]["name"]), {"metadata": {"annotations": {"touched": "yes"}}})
    for run in world.admin.get(path("AnalysisRun", SHARED))["items"]:
        world.admin.delete(path("AnalysisRun", SHARED, run["metadata"]["name"]))
    # Those of the runs are the garbage collector's now.
    world.admin.delete(path("Job", SHARED) + "?propagationPolicy=Background")
    for name in IDS:
        labels = {"app": name, HASH: "orphan"}
        create(world.admin, SHARED, body("ReplicaSet", f"{name}-orphan", {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": pod_template(name, "app:v0")["spec"]}}, labels))
    hashed = path("ReplicaSet", SHARED, "nobody-abc")
    world.admin.merge(hashed, {"spec": {"replicas": 2}})
    wait_until("the stranger's ReplicaSet has grown", lambda: world.admin.get(hashed)["status"].get("readyReplicas") == 2, 30)
    for view in world.views.values():
        world.admin.merge(view.path, {"spec": {"replicas": 2}})
    before = world.each(lambda name, view: view.wait_phase("Healthy", 30) and passes(world.controllers[name], SHARED, name))
    for name, controller in world.controllers.items():
        wait_for_passes(controller, SHARED, name, 2, before=before[name])
        adopted = world.owned("ReplicaSet", SHARED, world.views[name].get()["metadata"]["uid"])
        check(f"{name}-orphan" in [one["metadata"]["name"] for one in adopted], f"the orphan was not adopted by {name}")


def owner_in(entry, runs):
    """The Rollout that what was written belongs to, by its name: everything here is named after it."""
    reference = entry["objectRef"]
    name = reference.get("name") or ""
    sent = entry.get("requestObject") if isinstance(entry.get("requestObject"), dict) else {}
    if reference.get("resource") == "events":
        name = (sent.get("involvedObject") or sent.get("regarding") or {}).get("name") or name
    elif not name:
        name = sent.get("metadata", {}).get("name", "")
    name = runs.get(name.split(".")[0], name)   # Jobs
    return name.split("-")[0].split(".")[0]


def no_foreign_write(world):
    runs = world.owners()
    check(len(runs) >= 9, f"Jobs were made for {len(runs)} AnalysisRuns: the count below would say nothing")
    found = {}
    for name, account in ACCOUNTS.items():
        written = [entry for entry in world.writes(account) if entry["objectRef"].get("resource") != "leases"]
        foreign = [entry for entry in written if owner_in(entry, runs) != name]
        kinds = {entry["objectRef"]["resource"] for entry in written}
        world.suite.note(f"{name}: {len(written)} writes, {len(foreign)} foreign")
        check({"rollouts", "replicasets", "analysisruns", "jobs", "ingresses", "services", "events"} <= kinds, f"kinds written by {name}: {kinds}")
        for entry in foreign[:10]:
            print(f"    {name}: {Audit.describe(entry)} {entry['objectRef'].get('name')} ({owner_in(entry, runs)})")
        if foreign:
            found[name] = f"{len(foreign)} ({Audit.table(foreign)})"
    same(found, {}, "writes to what belongs to others")


def own_leases(world):
    leases = {}
    for name, account in ACCOUNTS.items():
        for entry in world.writes(account):
            if entry["objectRef"].get("resource") == "leases":
                leases.setdefault(entry["objectRef"].get("name") or entry["requestObject"]["metadata"]["name"], set()).add(name)
    same(sorted(map(sorted, leases.values())), [["blue"], ["green"], ["plain"]], f"writers of the Leases {sorted(leases)}")


def stranger_untouched(world):
    same(world.admin.get(path("Rollout", SHARED, "nobody")).get("status"), None, "status of the Rollout of an instance that nobody runs")
    same(world.admin.get(path("Rollout", SHARED, "nobody"))["metadata"]["resourceVersion"], world.stranger["metadata"]["resourceVersion"],
         "resourceVersion of that Rollout")
    for name, account in ACCOUNTS.items():
        refused = [entry for entry in world.writes(account) if entry.get("responseStatus", {}).get("code") == 403]
        same(Audit.table(refused), "", f"requests of {name} refused by RBAC")


def main():
    with Suite("instances") as suite:
        world = World(suite)
        if not suite.case("three controllers and their Rollouts in one namespace", set_up, world):
            return
        suite.case("three canaries with analyses and Jobs are promoted", canaries, world)
        suite.case("three updates are aborted", aborts, world)
        suite.case("all three are restarted in the middle of an update, which goes on", restarts, world)
        suite.case("everything that wakes an owner happens", everything_wakes, world)
        suite.case("F3: no controller has written to what belongs to another", no_foreign_write, world)
        suite.case("F3: what belongs to nobody who runs is as it was", stranger_untouched, world)
        suite.case("each has a Lease of its own", own_leases, world)


if __name__ == "__main__":
    main()
