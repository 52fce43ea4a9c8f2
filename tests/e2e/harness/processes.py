"""Child processes that die with us, and the programs under test."""
import ctypes
import os
import signal
import socket
import subprocess
import time

from .cases import Failure, check

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    def __init__(self, suite, name, command, log, env=None):
        self.name = name
        self.log_path = log
        with open(log, "ab") as out:
            # Started by the main thread, which lives as long as the test: the death signal follows the thread.
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
        self.pid = self.popen.pid
        suite.defer(self.stop)

    def alive(self):
        return self.popen.poll() is None

    def log(self, lines=40):
        with open(self.log_path, errors="replace") as stream:
            return "".join(stream.readlines()[-lines:])

    def require_alive(self):
        if not self.alive():
            raise Failure(f"{self.name} ended with code {self.popen.returncode}:\n{self.log(20)}")
        check(self.state() != "T", f"{self.name} does nothing because somebody stopped it (SIGSTOP)")
        return True

    def state(self):
        """As ps shows it: T is a process that was stopped."""
        try:
            with open(f"/proc/{self.pid}/stat") as stream:
                return stream.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            return ""

    def stop(self, seconds=10):
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.popen.returncode

    def terminate_and_time(self, seconds=30):
        """Sends SIGTERM; seconds until the process had ended. It must still be running."""
        if self.popen.poll() is not None:
            raise AssertionError(f"{self.popen.args[0]} had ended by itself with {self.popen.returncode}")
        began = time.monotonic()
        self.popen.terminate()
        self.popen.wait(seconds)
        return time.monotonic() - began

    def kill(self):
        self.popen.kill()
        self.popen.wait()


def environment(**changes):
    """Ours without any proxy or Kubernetes setting of the machine, plus `changes` (None removes)."""
    env = {key: value for key, value in os.environ.items()
           if not key.lower().endswith("_proxy") and not key.startswith("KUBE") and not key.startswith("ARGO_")}
    for key, value in changes.items():
        if value is None:
            env.pop(key, None)
        else:
            env[key] = str(value)
    return env


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


def run(command, text=None, env=None, seconds=60):
    try:
        done = subprocess.run(command, input=text, env=env, timeout=seconds, capture_output=True, text=True)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{' '.join(command)} did not end in {seconds} s; so far: {late.stdout!r} {late.stderr!r}") from None
    return Answer(done.returncode, done.stdout, done.stderr)
