"""The controller under test, kubectl, and the plugin."""
import json
import os
import tempfile
import time
import urllib.error
import urllib.request

from .cases import Failure, check, skip, wait_until
from .processes import Process, environment, run


def root(*parts):
    return os.path.join(os.environ["SLUICE_ROOT"], *parts)


def binary():
    path = os.environ["SLUICE_BINARY"]
    check(os.access(path, os.X_OK), f"SLUICE_BINARY {path} is no program")
    return path


def kubectls():
    """Debian's kubectl (1.20.2) and those named in SLUICE_KUBECTLS (separated by spaces or colons)."""
    debian = os.path.join(os.environ["SLUICE_CACHE"], "debian-kubectl", "usr", "bin", "kubectl")
    found = [debian] if os.access(debian, os.X_OK) else []
    found += os.environ.get("SLUICE_KUBECTLS", "").replace(":", " ").split()
    if not found:
        skip("no kubectl: run script/bootstrap test")
    return found


class Kubectl:
    def __init__(self, suite, program, config, directory):
        self.program = program
        self.plugins = os.path.join(directory, "plugins")
        os.makedirs(self.plugins, exist_ok=True)
        for name in ("kubectl-argo-rollouts", "kubectl-argo_rollouts", "kubectl-sluice"):
            link = os.path.join(self.plugins, name)
            if not os.path.lexists(link):
                os.symlink(binary(), link)
        # A home of its own: kubectl keeps discovery under it, and nothing of the user's must play a part.
        home = tempfile.mkdtemp(prefix="home-", dir=directory)
        self.env = environment(KUBECONFIG=config, HOME=home, PATH=f"{self.plugins}:{os.path.dirname(program)}:{os.environ['PATH']}")
        self.version = self._version()

    def _version(self):
        answer = run([self.program, "version", "--client", "-o", "json"], env=self.env)
        check(answer.code == 0, f"{self.program}: {answer}")
        return json.loads(answer.out)["clientVersion"]["gitVersion"]

    @property
    def minor(self):
        return int(self.version.split(".")[1])

    def try_(self, *arguments, text=None, seconds=60):
        return run([self.program, *arguments], text=text, env=self.env, seconds=seconds)

    def __call__(self, *arguments, text=None, seconds=60):
        """Standard output; anything but exit code 0 is a failure."""
        answer = self.try_(*arguments, text=text, seconds=seconds)
        check(answer.code == 0, f"kubectl {self.version} {' '.join(arguments)}: {answer}")
        return answer.out

    def json(self, *arguments):
        return json.loads(self(*arguments, "-o", "json"))

    def start(self, suite, log, *arguments):
        """In the background, for --watch and the like."""
        return Process(suite, "kubectl " + arguments[0], [self.program, *arguments], log, self.env)


class Controller:
    """`sluice controller` as its own process, configured as in deploy/ but for kubeconfig and ports."""

    def __init__(self, suite, config, directory, name="controller", proxy=None, flags=(), namespace="argo-rollouts"):
        self.log_path = os.path.join(directory, f"{name}.log")
        self.name = name
        offset = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        self.offset = offset
        self.started = time.monotonic()
        self.process = Process(suite, name, [
            binary(), "controller", "--logformat", "json", "--kubeconfig", config, "--bind-address", "127.0.0.1", "--metricsPort", "0",
            "--healthzPort", "0", *flags], self.log_path, environment(POD_NAMESPACE=namespace, http_proxy=proxy))
        suite.dump_on_failure.append((f"log of {name} (process {self.process.pid})", self.tail))

    def tail(self, lines=30):
        with open(self.log_path, errors="replace") as stream:
            stream.seek(self.offset)
            return "".join(line[:400] + ("" if line.endswith("\n") else "\n") for line in stream.readlines()[-lines:])

    def lines(self):
        """Structured log lines of this process."""
        out = []
        with open(self.log_path, errors="replace") as stream:
            stream.seek(self.offset)
            for line in stream:
                try:
                    out.append(json.loads(line))
                except ValueError:
                    continue
        return out

    def url(self, which):
        for line in self.lines():
            if which in line and str(line[which]).startswith("http"):
                return line[which]
        return None

    def get(self, which, path):
        url = self.url(which)
        if url is None:
            return None, ""
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url + path, timeout=2) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def wait_ready(self, seconds=20):
        def ready():
            self.process.require_alive()
            return self.get("health", "/readyz")[0] == 200
        wait_until(f"{self.name} is ready", ready, seconds)
        return time.monotonic() - self.started


__all__ = ["Controller", "Kubectl", "Failure", "binary", "kubectls", "root"]
