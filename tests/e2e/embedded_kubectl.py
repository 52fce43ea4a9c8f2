"""`sluice cluster` from up to down, and everyday kubectl against it."""
import os
import signal
import ssl
import time
import urllib.error
import urllib.request

from harness.cases import Suite, check, same, wait_until
from harness.kubectl_cases import run_all
from harness.processes import environment, run
from harness.programs import Kubectl, binary, kubectls


class Cluster:
    def __init__(self, suite, directory, name):
        self.state = os.path.join(directory, "state")
        self.name = name
        self.env = environment(XDG_STATE_HOME=self.state)
        suite.defer(lambda: self("down"))

    def __call__(self, *arguments):
        return run([binary(), "cluster", *arguments, "--name", self.name], env=self.env, seconds=60)

    @property
    def directory(self):
        return os.path.join(self.state, "sluice", "clusters", self.name)

    @property
    def config(self):
        return self("kubeconfig").out.strip()

    def processes(self):
        """Processes that carry our state directory in their environment or hold files below it."""
        found = {}
        for pid in (name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
            try:
                with open(f"/proc/{pid}/environ", "rb") as stream:
                    mine = self.state.encode() in stream.read()
                with open(f"/proc/{pid}/cmdline", "rb") as stream:
                    command = stream.read().replace(b"\0", b" ").decode(errors="replace").strip()
                if mine and command:
                    found[int(pid)] = command
            except OSError:
                continue
        return found


def up(cluster):
    began = time.monotonic()
    answer = cluster("up")
    same(answer.code, 0, f"cluster up: {answer}")
    seconds = time.monotonic() - began
    check("KUBECONFIG=" in answer.out, f"no kubeconfig line: {answer.out}")
    same(oct(os.stat(cluster.config).st_mode & 0o777), "0o600", "mode of the kubeconfig")
    check(seconds < 15, f"cluster up took {seconds:.1f} s")


def up_again(cluster):
    answer = cluster("up")
    check(answer.code != 0 and "already up" in answer.err, f"second up: {answer}")


def only_the_token(cluster):
    with open(cluster.config) as stream:
        server = next(line.split(None, 1)[1].strip() for line in stream if line.strip().startswith("server:"))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
            opener.open(urllib.request.Request(server + "/api", headers=headers), timeout=5)
            same("answered", "401", "a request without the token")
        except urllib.error.HTTPError as error:
            same(error.code, 401, "a request without the token")


def down(cluster):
    check(cluster.processes(), "the cluster's process cannot be found, so its absence would prove nothing")
    answer = cluster("down")
    same(answer.code, 0, f"cluster down: {answer}")
    wait_until("no process is left", lambda: not cluster.processes(), 10)
    check(not os.path.exists(cluster.directory), f"left behind: {cluster.directory}")
    same(cluster("down").code, 0, "a second down")
    check(cluster("kubeconfig").code != 0, "kubeconfig of a cluster that is down")


def killed(cluster):
    """kill -9 of the cluster leaves no child, and the next up works."""
    same(cluster("up").code, 0, "up")
    with open(os.path.join(cluster.directory, "lock")) as stream:
        pid = int(stream.read())
    os.kill(pid, signal.SIGKILL)
    wait_until("no process is left", lambda: not cluster.processes(), 10)
    same(cluster("up").code, 0, "up after kill -9")
    same(cluster("down").code, 0, "down")


def main():
    with Suite("kubectl on the embedded server") as suite:
        programs = kubectls()
        directory = suite.scratch()
        cluster = Cluster(suite, directory, "e2e")
        suite.dump_on_failure.append(("log of the cluster", lambda: run(["tail", "-n", "40", os.path.join(cluster.directory, "cluster.log")]).out))
        if not suite.case("cluster up", up, cluster):
            return
        suite.case("a second up says so", up_again, cluster)
        suite.case("only the token opens the door", only_the_token, cluster)
        clients = [Kubectl(suite, program, cluster.config, directory) for program in programs]
        suite.note(f"kubectl {', '.join(one.version for one in clients)}")
        for number, kubectl in enumerate(clients):
            run_all(suite, kubectl, directory, number, embedded=True)
        suite.case("cluster down leaves nothing behind", down, cluster)
        suite.case("kill -9 of the cluster", killed, cluster)


if __name__ == "__main__":
    main()
