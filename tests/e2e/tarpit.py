"""Finding F4 on the embedded cluster: one run with 256 metrics whose server accepts and says nothing, and eight whose answers take long to
assess. Runs of other namespaces are measured on time all the while, and deleting or ending the hostile run gives its connections
back."""
import base64
import os
import selectors
import socket
import threading
import time
import urllib.parse

from harness.cases import Suite, check, same, wait_until
from harness.client import Client
from harness.objects import body, create, namespace, path
from harness.processes import Process, environment
from harness.programs import Controller, Kubectl, binary, kubectls
from harness.prometheus import ScriptedPrometheus
from harness.rollouts import apply_crds

METRICS = 256
INTERVAL, LATE = 2.0, 1.0   # seconds between measurements, and how late or early one may be
DAY = 86400


class Tarpit:
    """Accepts every connection and answers none. `open` counts those that the other side has not closed."""

    def __init__(self, suite):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.open = self.accepted = 0
        self.last_accept = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.done = False
        threading.Thread(target=self._serve, daemon=True).start()
        suite.defer(self.stop)

    def _serve(self):
        while not self.done:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    connection = self.listener.accept()[0]
                    self.selector.register(connection, selectors.EVENT_READ)
                    self.open, self.accepted, self.last_accept = self.open + 1, self.accepted + 1, time.monotonic()
                elif not self._still_there(key.fileobj):
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.open -= 1

    @staticmethod
    def _still_there(connection):
        try:
            return bool(connection.recv(65536))
        except OSError:
            return False

    def stop(self):
        self.done = True
        self.listener.close()

    def settled(self):
        """It has all that it gets: none came for two seconds."""
        return self.open > 0 and time.monotonic() - self.last_accept > 2


class World:
    def __init__(self, suite):
        programs = kubectls()
        self.directory = suite.scratch()
        state = os.path.join(self.directory, "state")
        log = os.path.join(self.directory, "cluster.log")
        Process(suite, "cluster", [binary(), "cluster", "up", "--foreground", "--name", "tarpit"], log, environment(XDG_STATE_HOME=state))
        config = wait_until("the cluster is up", lambda: self._config(log), 20)
        self.kubectl = Kubectl(suite, programs[0], config, self.directory)
        apply_crds(self.kubectl)
        self.admin = self._client()
        for name in ("evil", "innocent"):
            namespace(self.admin, name)
        self.tarpit = Tarpit(suite)
        self.server = ScriptedPrometheus(suite, os.path.join(self.directory, "unused"))
        self.controller = Controller(suite, config, self.directory, flags=("--no-leader-elect",))
        self.controller.wait_ready()

    @staticmethod
    def _config(log):
        with open(log) as stream:
            found = [line.split("KUBECONFIG=", 1)[1].split()[0] for line in stream if "KUBECONFIG=" in line]
        return found[0] if found else None

    def _client(self):
        config = self.kubectl.json("config", "view", "--raw")
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        ca_file = cluster.get("certificate-authority")
        if not ca_file:
            ca_file = os.path.join(self.directory, "ca.crt")
            with open(ca_file, "wb") as out:
                out.write(base64.b64decode(cluster["certificate-authority-data"]))
        url = urllib.parse.urlsplit(cluster["server"])
        return Client(url.hostname, url.port, ca_file, user["token"])

    def start_hostile(self, name):
        metrics = [{"name": f"m{number}", "provider": {"web": {
            "url": f"http://127.0.0.1:{self.tarpit.port}/{number}", "timeoutSeconds": DAY}}, "successCondition": "true"} for number in range(METRICS)]
        create(self.admin, "evil", body("AnalysisRun", name, {"metrics": metrics}))
        wait_until(f"run {name} holds what it can", self.tarpit.settled, 30)

    def start_innocent(self, name, count, where="innocent"):
        """Its measurements are requests for /NAME."""
        self.server.web[f"/{name}"] = (200, {"value": 1})
        create(self.admin, where, body("AnalysisRun", name, {"metrics": [{
            "name": "value", "interval": f"{INTERVAL:g}s", "count": count, "successCondition": "result == 1", "provider": {"web": {
                "url": f"{self.server.url}/{name}", "jsonPath": "{$.value}"}}}]}))
        return time.time()

    def measured(self, name):
        return [at for at, _, target in list(self.server.web_requests) if target == f"/{name}"]

    def on_time(self, name, began, count, where="innocent"):
        """Each measurement was due INTERVAL after the one before, the first at once."""
        def late():
            times = self.measured(name)
            if len(times) == count:
                return None
            due = (times[-1] + INTERVAL if times else began) + LATE + 0.5   # what is judged is the time of the request, not of this look
            return f"measurement {len(times) + 1} of {name} has not come {time.time() - due + LATE + 0.5:.1f} s after it was due" if time.time() > due else None
        wait_until(f"run {name} is Successful", lambda: self.phase(name, where) == "Successful", count * INTERVAL + 15, never=late)
        times = self.measured(name)
        same(len(times), count, f"measurements of {name}")
        off = [times[0] - began] + [after - before - INTERVAL for before, after in zip(times, times[1:])]
        check(all(abs(one) <= LATE for one in off), f"measurements of {name} were off by {[round(one, 2) for one in off]} s")
        return max(map(abs, off))

    def phase(self, name, where):
        return self.admin.get(path("AnalysisRun", where, name)).get("status", {}).get("phase")

    def wait_freed(self, why):
        began = time.monotonic()
        wait_until(f"the connections are closed {why}", lambda: self.tarpit.open == 0, 5, 0.02)
        return time.monotonic() - began


def on_time_beside(world, suite):
    """One run that measures when the hostile one comes, one that comes when it holds all it can."""
    began = world.start_innocent("first", 8)
    wait_until("the first one measures", lambda: world.measured("first"), 10)
    world.start_hostile("tarpit")
    suite.note(f"the hostile run holds {world.tarpit.open} connections")
    later = world.start_innocent("second", 5)
    off = max(world.on_time("first", began, 8), world.on_time("second", later, 5))
    suite.note(f"measurements beside it were off by {off:.2f} s at most")
    check(world.tarpit.open > 0, "the hostile run had let go: nothing was shown")


def deleted(world, suite):
    world.admin.delete(path("AnalysisRun", "evil", "tarpit"))
    suite.note(f"connections closed {world.wait_freed('after the run was deleted') * 1000:.0f} ms after the run was deleted")
    world.on_time("third", world.start_innocent("third", 2, "evil"), 2, "evil")


def ended(world):
    world.start_hostile("tarpit-2")
    world.admin.merge(path("AnalysisRun", "evil", "tarpit-2"), {"spec": {"terminate": True}})
    world.wait_freed("after the run was told to end")
    wait_until("the hostile run is over", lambda: world.phase("tarpit-2", "evil") in ("Successful", "Failed", "Error", "Inconclusive"), 10)
    world.on_time("fourth", world.start_innocent("fourth", 2, "evil"), 2, "evil")


def heavy_conditions(world, suite):
    """Answers of five megabytes, held against a condition that nearly uses up its budget of steps: all are assessed on the thread that
    everybody needs."""
    server = ScriptedPrometheus(suite, os.path.join(world.directory, "unused-too"))   # not the innocent one's: its backlog is short
    server.web["/heavy"] = (200, '{"value": 1, "more": [' + "[1]," * 1_250_000 + "0]}")
    condition = "all(1..400, {all(1..400, {# > 0})}) or result == 1"
    began = world.start_innocent("fifth", 8)
    wait_until("the fifth one measures", lambda: world.measured("fifth"), 10)
    for run in range(8):
        create(world.admin, "evil", body("AnalysisRun", f"heavy-{run}", {"metrics": [{
            "name": f"m{number}", "interval": "1s", "count": 100000, "failureLimit": 100000, "consecutiveErrorLimit": 100000,
            "successCondition": condition, "provider": {"web": {"url": f"{server.url}/heavy", "jsonPath": "{$.value}"}}} for number in range(64)]}))
    off = world.on_time("fifth", began, 8)
    suite.note(f"measurements beside {len(server.web_requests)} heavy ones were off by {off:.2f} s at most")
    check(len(server.web_requests) > 20, "the heavy ones were not evaluated: nothing was shown")
    for run in range(8):
        world.admin.delete(path("AnalysisRun", "evil", f"heavy-{run}"))


def main():
    with Suite("tarpit") as suite:
        world = World(suite)
        suite.case(f"F4: runs of another namespace are measured on time beside {METRICS} metrics that never answer", on_time_beside, world, suite)
        if world.tarpit.open == 0:
            world.start_hostile("tarpit")
        suite.case("F4: deleting the run frees its connections and its namespace", deleted, world, suite)
        suite.case("F4: so does ending it", ended, world)
        suite.case("F4: answers that take long to assess make nobody else wait", heavy_conditions, world, suite)


if __name__ == "__main__":
    main()
