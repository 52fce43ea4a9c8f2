"""Runs the cases of one test file in order and reports: exit code 0 passed, 77 skipped, 1 failed; the last line sums up."""
import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback


class Failure(Exception):
    """An expectation that did not hold; its text says what was seen."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def same(seen, wanted, what):
    check(seen == wanted, f"{what}: wanted {wanted!r}, saw {seen!r}")


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


TENDED = []   # called with every probe: what looks after programs while a test waits


def wait_until(what, probe, seconds=60.0, every=0.1, never=None):
    """Calls `probe` until it returns something true, and returns that; a Failure names what was waited for. `never` is asked
    as often: a text from it says what must not happen and has, and ends the wait."""
    deadline = time.monotonic() + seconds
    seen = None
    while True:
        for tend in TENDED:
            tend()
        wrong = never() if never else None
        check(not wrong, f"while waiting until {what}: {wrong}")
        try:
            seen = probe()
            if seen:
                return seen
        except Failure as failure:
            seen = failure
        if time.monotonic() >= deadline:
            raise Failure(f"{what} did not happen in {seconds:g} s (last: {str(seen)[:800]})")
        time.sleep(every)


class Suite:
    """`with Suite("name") as suite: suite.case("sentence", function)`. Things registered with `defer` are undone in
    reverse order however the run ends, also by SIGTERM and Ctrl-C."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = []
        self.cleanups = []
        self.started = time.monotonic()
        self.notes = []
        self.dump_on_failure = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        atexit.register(self.clean_up)
        return self

    def __exit__(self, kind, error, trace):
        if kind is SystemExit:
            self.clean_up()
            return False
        if error is not None:
            self.failed.append(f"{kind.__name__}: {error}")
            traceback.print_exception(kind, error, trace)
        if self.failed:
            for title, text in [(title, get()) for title, get in self.dump_on_failure]:
                print(f"--- {title}\n{text}")
        self.clean_up()
        seconds = time.monotonic() - self.started
        summary = f"{self.passed} passed, {len(self.failed)} failed in {seconds:.0f} s"
        if self.notes:
            summary += "; " + "; ".join(self.notes)
        for failure in self.failed:
            print(f"FAILED {failure}")
        print(summary, flush=True)
        sys.exit(1 if self.failed else 0)

    def defer(self, action):
        self.cleanups.append(action)

    def clean_up(self):
        while self.cleanups:
            try:
                self.cleanups.pop()()
            except Exception as error:  # one that fails must not keep the others from running
                print(f"clean-up: {error}")

    def case(self, sentence, function, *arguments):
        """True when it passed. A case that fails does not stop the run: later ones say for themselves what they need."""
        began = time.monotonic()
        try:
            function(*arguments)
        except Failure as failure:
            self.failed.append(f"{sentence}: {failure}")
            print(f"[FAILED] {sentence} ({time.monotonic() - began:.1f} s)\n    {failure}", flush=True)
            return False
        except Exception as error:  # a broken harness is a failed case too
            self.failed.append(f"{sentence}: {type(error).__name__}: {error}")
            print(f"[FAILED] {sentence}", flush=True)
            traceback.print_exc()
            return False
        self.passed += 1
        print(f"[ ok ] {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
        return True

    def note(self, text):
        """Shown in the summary line."""
        self.notes.append(text)

    def scratch(self):
        """A directory of this run, in memory where there is room (etcd writes 64 MB at once)."""
        base = None
        if os.access("/dev/shm", os.W_OK):
            room = os.statvfs("/dev/shm")
            if room.f_bavail * room.f_frsize > 1 << 30:
                base = "/dev/shm"
        directory = tempfile.mkdtemp(prefix="sluice-e2e-", dir=base)
        if not os.environ.get("SLUICE_KEEP"):
            self.defer(lambda: shutil.rmtree(directory, ignore_errors=True))
        else:
            print(f"kept: {directory}")
        return directory
