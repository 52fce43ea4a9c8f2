"""`sluice cluster` from up to down, and everyday kubectl against it."""
import json
import os
import signal
import ssl
import time
import urllib.error
import urllib.request

from harness.cases import Suite, check, same, wait_until
from harness.kubectl_cases import run_all
from harness.processes import Process, environment, run
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

    def _holds_a_file(self, pid):
        """Pods do not get our environment; their output goes to a file below the state directory."""
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{number}").startswith(self.directory + "/"):
                    return True
            except OSError:
                continue
        return False

    def start_pod(self, kubectl):
        """A pod that is a process, so that something could be left behind."""
        env = dict(self.env, KUBECONFIG=self.config, HOME=self.state)
        answer = run([kubectl, "run", "lives", "--image=sluice-demo-app:v1", "--restart=Never"], env=env)
        same(answer.code, 0, f"kubectl run: {answer}")
        wait_until("the pod's process runs", lambda: any("demo-app" in command for command in self.processes().values()), 20)

    def processes(self):
        """Processes that carry our state directory in their environment or hold files below it."""
        found = {}
        for pid in (name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
            try:
                with open(f"/proc/{pid}/environ", "rb") as stream:
                    mine = self.state.encode() in stream.read() or self._holds_a_file(pid)
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
    for name in [".", *os.listdir(cluster.directory)]:
        mode = os.stat(os.path.join(cluster.directory, name)).st_mode & 0o077
        same(oct(mode), "0o0", f"rights of others on {name}")
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


def down(cluster, kubectl):
    cluster.start_pod(kubectl)
    check(cluster.processes(), "the cluster's process cannot be found, so its absence would prove nothing")
    answer = cluster("down")
    same(answer.code, 0, f"cluster down: {answer}")
    wait_until("no process is left", lambda: not cluster.processes(), 10)
    check(not os.path.exists(cluster.directory), f"left behind: {cluster.directory}")
    same(cluster("down").code, 0, "a second down")
    check(cluster("kubeconfig").code != 0, "kubeconfig of a cluster that is down")


def killed(cluster, kubectl):
    """kill -9 of the cluster leaves no child, and the next up works."""
    same(cluster("up").code, 0, "up")
    cluster.start_pod(kubectl)
    with open(os.path.join(cluster.directory, "lock")) as stream:
        pid = int(stream.read())
    os.kill(pid, signal.SIGKILL)
    wait_until("no process is left", lambda: not cluster.processes(), 10)
    answer = cluster("kubeconfig")
    check(answer.code != 0 and "not up" in answer.err, f"kubeconfig after kill -9: {answer}")
    with open(os.path.join(cluster.directory, "default_old.log"), "w") as out:
        out.write("of a pod that is gone")
    same(cluster("up").code, 0, "up after kill -9")
    check(not os.path.exists(os.path.join(cluster.directory, "default_old.log")), "the log of an earlier cluster's pod is still there")
    with open(os.path.join(cluster.directory, "lock")) as stream:
        os.kill(int(stream.read()), signal.SIGKILL)
    same(cluster("down").code, 0, "down after kill -9")
    wait_until("no process is left", lambda: not cluster.processes(), 10)
    check(not os.path.exists(cluster.directory), f"left behind: {cluster.directory}")


def pod_output(cluster, kubectl):
    """`kubectl logs` of a pod that is a process: all of it, its tail, and -f until it ends."""
    name = f"talks-{kubectl.minor}"
    kubectl("apply", "-f", "-", text=json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "app", "image": "sluice-demo-app:v1", "args": ["--no-such-flag"]}]}}))

    def output():
        answer = kubectl.try_("logs", name)
        return answer.out if answer.code == 0 and "--no-such-flag" in answer.out else None
    text = wait_until("the pod's output", output, 20)
    same(kubectl("logs", name, "--tail=1"), text.splitlines(keepends=True)[-1], "logs --tail=1")
    wait_until("the pod has failed", lambda: kubectl.json("get", "pod", name)["status"]["phase"] == "Failed", 20)
    same(kubectl("logs", "-f", name, seconds=20), text, "logs -f of a pod that has ended")
    answer = kubectl.try_("logs", name, "--previous")
    check(answer.code != 0 and "previous" in answer.err, f"logs --previous: {answer}")
    kubectl("delete", "pod", name, "--timeout=30s")
    kubectl("run", name, "--image=sluice-demo-app:v1", "--restart=Never")
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=20s")
    answer = kubectl.try_("port-forward", f"pod/{name}", "18080:8080")
    address = kubectl.json("get", "pod", name)["status"]["podIP"]
    check(answer.code != 0 and f"its own address, {address}" in answer.err, f"port-forward to a pod that is a process: {answer}")
    kubectl("delete", "pod", name, "--timeout=30s")


def bad_arguments(cluster):
    for arguments, wanted in ((("upp",), "no command 'upp'"), ((), "which command"), (("up", "--port", "99999"), "--port"),
                              (("up", "--port", "-1"), "--port"), (("up", "--bogus"), "--bogus"), (("up", "--name", "A/b"), "A/b")):
        answer = run([binary(), "cluster", *arguments], env=cluster.env, seconds=30)
        check(answer.code in (1, 2) and wanted in answer.err, f"cluster {' '.join(arguments)}: {answer}")


def bad_controller_settings(cluster):
    """The controller ends at once, with 2, and says what to change; it does not run with half of what was asked for."""
    for arguments, changes, wanted in (
            (("--loglevel", "loud"), {}, '--loglevel: "loud"'), (("--bogus",), {}, "--bogus"),
            (("--leader-election-lease-duration", "1s"), {}, '--leader-election-lease-duration: "1s" is not longer'),
            (("--kubeconfig", "/nowhere"), {}, "/nowhere"),
            ((), {"ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE": "jobs"}, "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE is set"),
            ((), {"ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG": "in-cluster"}, "ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG is set")):
        env = dict(cluster.env, KUBECONFIG=cluster.config, **changes)
        answer = run([binary(), "controller", "--metricsPort", "0", "--healthzPort", "0", *arguments], env=env, seconds=30)
        check(answer.code == 2 and wanted in answer.err, f"controller {' '.join(arguments)} {changes}: {answer}")


def no_place_for_state(cluster):
    blocked = os.path.join(cluster.state, "a-file")
    with open(blocked, "w"):
        pass
    answer = run([binary(), "cluster", "up"], env=dict(cluster.env, XDG_STATE_HOME=blocked), seconds=30)
    check(answer.code == 1 and "XDG_STATE_HOME" in answer.err, f"a state directory that cannot be made: {answer}")
    lock = os.path.join(cluster.state, "sluice", "clusters", "odd", "lock")
    os.makedirs(lock)  # a lock that cannot be opened is not a cluster that is up
    answer = run([binary(), "cluster", "up", "--name", "odd"], env=cluster.env, seconds=30)
    check(answer.code == 1 and "cannot open" in answer.err and "already up" not in answer.err, f"a lock that cannot be opened: {answer}")
    os.rmdir(lock)


def port_taken(cluster):
    with open(cluster.config) as stream:
        port = next(line for line in stream if "server:" in line).strip().rsplit(":", 1)[1]
    answer = run([binary(), "cluster", "up", "--name", "second", "--port", port], env=cluster.env, seconds=30)
    check(answer.code == 1 and port in answer.err and "in use" in answer.err, f"a port in use: {answer}")
    left = os.path.join(cluster.state, "sluice", "clusters", "second")
    check(not os.path.exists(left), f"left behind: {left}")


def side_by_side(suite, cluster, directory):
    other = Cluster(suite, directory, "beside")
    answer = other("up")
    same(answer.code, 0, f"a second cluster: {answer}")
    check("cluster down --name beside" in answer.out, f"how to stop it: {answer.out}")
    check(other.config != cluster.config, "both have one kubeconfig")
    token = next(line.strip() for line in open(cluster.config) if "token:" in line)
    check(token not in open(other.config).read(), "both have one token")
    same(other("down").code, 0, "down of the second")
    check(cluster("kubeconfig").code == 0, "down of one cluster took the other along")


def left_of(cluster):
    """Processes of this cluster alone: others run beside it with the same state directory."""
    return {pid: command for pid, command in cluster.processes().items() if cluster._holds_a_file(pid)}


def foreground(suite, directory, kubectl):
    """Ctrl-C in the foreground leaves neither process nor file."""
    cluster = Cluster(suite, directory, "front")
    log = os.path.join(directory, "front.log")
    process = Process(suite, "cluster up --foreground", [binary(), "cluster", "up", "--foreground", "--name", "front"], log, cluster.env)
    wait_until("the cluster is ready", lambda: "KUBECONFIG=" in open(log).read(), 15)
    check("Ctrl-C" in open(log).read(), f"how to stop it: {open(log).read()}")
    cluster.start_pod(kubectl)
    os.kill(process.pid, signal.SIGINT)
    wait_until("it ends", lambda: not process.alive(), 15)
    same(process.popen.returncode, 0, "exit code after Ctrl-C")
    wait_until("no process is left", lambda: not left_of(cluster), 10)
    check(not os.path.exists(cluster.directory), f"left behind: {cluster.directory}")
    check(cluster("kubeconfig").code != 0, "kubeconfig of a cluster that has ended")
    process = Process(suite, "cluster up --foreground", [binary(), "cluster", "up", "--foreground", "--name", "front"], log, cluster.env)
    wait_until("the cluster is ready again", lambda: cluster("kubeconfig").code == 0, 15)
    same(cluster("down").code, 0, "down of a cluster in the foreground")
    wait_until("it ends", lambda: not process.alive(), 10)


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
        suite.case("bad arguments are named", bad_arguments, cluster)
        suite.case("bad settings of the controller are named", bad_controller_settings, cluster)
        suite.case("no place for the state is named", no_place_for_state, cluster)
        suite.case("a port in use is named", port_taken, cluster)
        suite.case("two clusters side by side", side_by_side, suite, cluster, directory)
        suite.case("in the foreground", foreground, suite, directory, programs[0])
        clients = [Kubectl(suite, program, cluster.config, directory) for program in programs]
        suite.note(f"kubectl {', '.join(one.version for one in clients)}")
        for number, kubectl in enumerate(clients):
            run_all(suite, kubectl, directory, number, embedded=True)
            suite.case(f"{kubectl.version}: logs of a pod that is a process", pod_output, cluster, kubectl)
        suite.case("cluster down leaves nothing behind", down, cluster, programs[0])
        suite.case("kill -9 of the cluster", killed, cluster, programs[0])


if __name__ == "__main__":
    main()
