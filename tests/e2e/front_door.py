"""Strangers at every door: what they may take of a controller that may open 256 descriptors, and of an embedded cluster, while a
canary goes on. Needs no server but our own."""
import base64
import json
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import threading
import time

from harness.cases import Suite, check, same, wait_until
from harness.client import Client
from harness.processes import environment, run
from harness.programs import Controller, Kubectl, binary, kubectls
from harness.rollouts import RolloutView, apply_crds, record_steps

DESCRIPTORS = 256
HALF_OPEN = 260
MEGABYTES_MAX = 60
MIB = 1 << 20


def rollout(image):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {
        "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}},
        "strategy": {"canary": {"steps": [step for weight in (25, 50, 75) for step in (
            {"setWeight": weight}, {"pause": {"duration": "2s"}})]}}}}


class Program:
    """What the system says about a process."""

    def __init__(self, pid):
        self.pid = pid

    def alive(self):
        return os.path.exists(f"/proc/{self.pid}/exe")

    def megabytes(self, which):
        with open(f"/proc/{self.pid}/status") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith(which + ":")) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Crowd:
    """Holds as many half requests as it can: a connection that is dropped is replaced at once."""

    def __init__(self, suite, addresses, count=HALF_OPEN, text=b"GET /metrics HTTP/1.1\r\nX-Half: "):
        self.addresses, self.count, self.text = addresses, count, text
        self.stopped = False
        self.opened = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        suite.defer(self.stop)

    def _open(self, number):
        one = socket.socket()
        one.settimeout(2)
        try:
            one.connect(self.addresses[number % len(self.addresses)])
            one.sendall(self.text)
            self.opened += 1
            return one
        except OSError:
            one.close()
            return None

    def _run(self):
        held, poller = {}, select.poll()
        while not self.stopped:
            while len(held) < self.count and not self.stopped:
                one = self._open(self.opened)
                if one is None:
                    break
                held[one.fileno()] = one
                poller.register(one, select.POLLIN)
            for number, _ in poller.poll(20):
                poller.unregister(number)
                held.pop(number).close()
        for one in held.values():
            one.close()

    def stop(self):
        self.stopped = True
        self.thread.join(10)


def pour(connection, head, piece, total):
    """Sends until the peer refuses; how many MiB it took, and what it said."""
    sent = 0
    connection.settimeout(10)
    try:
        connection.sendall(head)
        while sent < total:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    try:
        answer = connection.recv(4096)
    except OSError as error:
        answer = repr(error).encode()
    connection.close()
    return sent / MIB, answer.split(b"\r\n", 1)[0].decode(errors="replace")


CHUNK = b"100000\r\n" + b"x" * MIB + b"\r\n"


def address_of(url):
    host, port = url.split("//", 1)[1].rsplit(":", 1)
    return host, int(port)


class World:
    def __init__(self, suite):
        self.suite = suite
        self.directory = suite.scratch()
        self.state = os.path.join(self.directory, "state")
        self.env = environment(XDG_STATE_HOME=self.state)
        self.kubectl_program = kubectls()[0]
        suite.defer(lambda: self.cluster("down"))

    def cluster(self, *arguments):
        return run([binary(), "cluster", *arguments, "--name", "door"], env=self.env, seconds=60)

    def start(self):
        self.config = self.cluster("kubeconfig").out.strip()
        with open(self.config) as stream:
            fields = dict(line.strip().split(": ", 1) for line in stream if ": " in line)
        self.api = address_of(fields["server"])
        ca = os.path.join(self.directory, "ca.pem")
        with open(ca, "wb") as out:
            out.write(base64.b64decode(fields["certificate-authority-data"]))
        self.client = Client(*self.api, ca, fields["token"])
        self.kubectl = Kubectl(self.suite, self.kubectl_program, self.config, self.directory)
        with open(os.path.join(os.path.dirname(self.config), "lock")) as stream:
            self.server = Program(int(stream.read()))

    def start_controller(self):
        apply_crds(self.kubectl)
        self.kubectl("create", "namespace", "argo-rollouts")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))  # inherited; we go back to ours
        try:
            self.controller = Controller(self.suite, self.config, self.directory)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.controller.wait_ready()
        self.program = Program(self.controller.process.pid)
        self.doors = [address_of(self.controller.url(which)) for which in ("health", "metrics")]
        self.client.create("/apis/argoproj.io/v1alpha1/namespaces/default/rollouts", rollout("nginx:1"))
        self.web = RolloutView(self.client, "web")
        self.web.wait_phase("Healthy", 30)
        self.steps = record_steps(self.suite, self.client, "web")

    def renewals(self):
        lease = self.client.get("/apis/coordination.k8s.io/v1/namespaces/argo-rollouts/leases/argo-rollouts-controller-lock")
        return lease["spec"]["renewTime"]


def up(world):
    ours, theirs = os.pipe()
    done = subprocess.run([binary(), "cluster", "up", "--name", "door"], env=world.env, pass_fds=[theirs], timeout=60, capture_output=True)
    os.close(theirs)
    same(done.returncode, 0, f"cluster up: {done.stderr.decode()}")
    world.lent = ours
    world.start()


def gives_back(world):
    """F12: a cluster in the background keeps nothing of its caller, who may wait for the end of it."""
    readable, _, _ = select.select([world.lent], [], [], 5)
    check(readable and os.read(world.lent, 1) == b"", "the cluster in the background still holds a pipe of its caller")
    os.close(world.lent)


def large_bodies(world):
    before = world.program.megabytes("VmRSS")
    for door, head, piece, total in (
            (0, b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK, 300 * MIB),
            (1, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 209715200\r\n\r\n", b"x" * MIB, 200 * MIB),
            (1, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: ", b"x" * MIB, 200 * MIB)):
        took, answer = pour(socket.create_connection(world.doors[door]), head, piece, total)
        check(answer.startswith("HTTP/1.1 4"), f"{head[:40]} was answered {answer!r}")
        check(took < 64, f"{head[:40]}: it took {took:.0f} MiB")
    high = world.program.megabytes("VmHWM")
    world.suite.note(f"bodies of 300 MiB: {before:.0f} MB before, {high:.0f} at most")
    check(high < MEGABYTES_MAX, f"resident memory reached {high:.0f} MB")


def negative_chunk(world):
    """70 anonymous bytes that ended the controller."""
    for door in world.doors:
        pour(socket.create_connection(door), b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabcdef\r\n", b"", 0)
    time.sleep(0.2)
    world.controller.process.require_alive()
    same(world.controller.get("health", "/livez")[0], 200, "/livez after a chunk of negative size")


def canary_goes_on(world):
    crowd = Crowd(world.suite, world.doors)
    wait_until("the crowd is there", lambda: crowd.opened >= HALF_OPEN, 20)
    renewed = world.renewals()
    began = world.web.set_image("nginx:2")
    seen = {"descriptors": 0, "asked": 0, "slowest": 0.0, "unanswered": []}

    def promoted():
        for path in ("/livez", "/readyz"):
            asked = time.monotonic()
            status, _ = world.controller.get("health", path)
            seen["slowest"] = max(seen["slowest"], time.monotonic() - asked)
            seen["asked"] += 1
            if status != 200:
                seen["unanswered"].append(f"{path}: {status}")
        seen["descriptors"] = max(seen["descriptors"], world.program.descriptors())
        status = world.web.status()
        return status.get("phase") == "Healthy" and status.get("currentPodHash") == status.get("stableRS") and \
            len({step for step in world.steps.values(began)}) > 1 and crowd.opened
    wait_until("the canary is promoted among strangers", promoted, 40)
    crowd.stop()
    check(not seen["unanswered"], f"of {seen['asked']} probes among {HALF_OPEN} strangers {len(seen['unanswered'])} failed: {seen['unanswered'][:3]}")
    check(world.renewals() != renewed, "the Lease was not renewed meanwhile")
    same([step for step in world.steps.values(began) if step], [1, 2, 3, 4, 5, 6], "steps of the canary")
    check(seen["descriptors"] < DESCRIPTORS - 60, f"{seen['descriptors']} descriptors were open")
    refused = [line for line in world.controller.lines() if "Couldn't connect" in json.dumps(line)]
    check(not refused, f"the API server could not be reached: {refused[:3]}")
    high = world.program.megabytes("VmHWM")
    check(high < MEGABYTES_MAX, f"resident memory reached {high:.0f} MB")
    wait_until("the strangers' descriptors are free again", lambda: world.program.descriptors() < 40, 15)
    world.suite.note(f"{HALF_OPEN} half-open: {high:.0f} MB, {seen['descriptors']} of {DESCRIPTORS} descriptors, {seen['asked']} probes in "
                     f"<= {seen['slowest'] * 1000:.0f} ms, canary in {time.time() - began:.0f} s ({crowd.opened} connections)")


def embedded_api(world):
    """The same for the API of the embedded cluster, by somebody on this machine without a token."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def secure():
        return context.wrap_socket(socket.create_connection(world.api), server_hostname="localhost")
    before = world.server.megabytes("VmRSS")
    for head, piece in ((b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK),
                        (b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 157286400\r\n\r\n", b"x" * MIB),
                        (b"GET /api HTTP/1.1\r\nHost: x\r\nX-Long: ", b"x" * MIB),
                        (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabcdef\r\n", b"")):
        took, answer = pour(secure(), head, piece, 150 * MIB if piece else 0)
        check(answer.startswith("HTTP/1.1 4"), f"{head[:40]} was answered {answer!r}")
        check(took < 64, f"{head[:40]}: it took {took:.0f} MiB")
    crowd = Crowd(world.suite, [world.api], 2000 if resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 4000 else 400, b"\x16\x03\x01")
    wait_until("the crowd is there", lambda: crowd.opened >= crowd.count, 20)
    grown = world.server.megabytes("VmHWM") - before
    asked = time.monotonic()
    world.kubectl("get", "rollouts")
    seconds = time.monotonic() - asked
    crowd.stop()
    check(world.server.alive(), "the cluster's process has ended")
    check(grown < 30, f"the cluster grew by {grown:.0f} MB")
    world.suite.note(f"API: 150 MiB and {crowd.count} strangers: {grown:+.0f} MB, kubectl in {seconds * 1000:.0f} ms")


def too_large(world):
    """With a token: the real server's limit, in its words."""
    data = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"x": "x" * (3 * MIB)}})
    path = os.path.join(world.directory, "large.json")
    with open(path, "w") as out:
        out.write(data)
    answer = world.kubectl.try_("create", "-f", path)
    check(answer.code != 0 and "Request entity too large: limit is 3145728" in answer.err, f"kubectl create of 3 MiB: {answer}")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with Suite("the front door") as suite:
        world = World(suite)
        if not suite.case("cluster up", up, world):
            return
        suite.case("a cluster in the background keeps nothing of its caller", gives_back, world)
        if not suite.case("a controller that may open 256 descriptors", world.start_controller):
            return
        suite.case("bodies and heads are bounded where they are read", large_bodies, world)
        suite.case("a chunk of negative size ends nothing but its connection", negative_chunk, world)
        suite.case("a canary goes on while strangers hold what they can", canary_goes_on, world)
        suite.case("the API of the embedded cluster is bounded before its token is looked at", embedded_api, world)
        suite.case("what is too large is refused as by a real API server", too_large, world)


if __name__ == "__main__":
    main()
