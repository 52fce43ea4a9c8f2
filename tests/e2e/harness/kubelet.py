"""Stands in for scheduler and kubelet on a real API server: binds pods to a Node and moves them by the stages of the embedded
cluster (apiserver/workloads/pod.cc and stages.cc; the same readings of image, command, probes, readiness gates and annotations)."""
import heapq
import itertools
import json
import os
import re
import threading
import time
from datetime import datetime, timezone

from .client import ApiError

STAGES = {"schedule": 0.1, "start": 0.4, "ready": 0.7, "terminate": 1.0}   # seconds
CRASH_BACKOFF = 10.0
ANNOTATION = "sluice.argoproj.io/stage-"
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def go_duration(text):
    """Seconds of a Go duration such as "1m30s", or None."""
    if not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+", text):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)", text))


class Script:
    """What the pod's spec says about its life."""

    def __init__(self, pod, outcomes):
        containers = pod["spec"].get("containers") or [{}]
        first = containers[0]
        image = first.get("image", "")
        self.image_error = "does-not-exist" in image or "bad-image" in image
        self.runs_for, self.exit_code = self._command(first)
        if image in outcomes:
            self.runs_for, self.exit_code = outcomes[image].get("seconds", 0), outcomes[image].get("exit", 0)
        probe = first.get("readinessProbe") or {}
        self.initial_delay = probe.get("initialDelaySeconds", 0)
        self.never_ready = any(word in ("false", "/bin/false") for word in (probe.get("exec") or {}).get("command") or [])
        self.restart_policy = pod["spec"].get("restartPolicy", "Always")

    @staticmethod
    def _command(container):
        words = [word for text in (container.get("command") or []) + (container.get("args") or [])
                 for word in re.sub(r"[;&\n]", " ", text).split(" ") if word]
        seconds, code, ends = 0, 0, False
        for index, word in enumerate(words):
            following = words[index + 1] if index + 1 < len(words) else ""
            number = int(following) if re.fullmatch(r"-?\d+", following) else None
            if word in ("sleep", "/bin/sleep") and number is not None:
                seconds, ends = seconds + number, True
            elif word == "exit" and number is not None:
                code, ends = number, True
            elif word in ("false", "/bin/false"):
                code, ends = 1, True
            elif word in ("true", "/bin/true"):
                ends = True
        return (seconds if ends else None), code


def stamp():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition_of(pod, kind):
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == kind:
            return condition
    return None


def is_true(pod, kind):
    condition = condition_of(pod, kind)
    return condition is not None and condition["status"] == "True"


class Kubelet:
    """`outcomes_file`: JSON {image: {"seconds": s, "exit": code}} for images whose containers end by themselves; read
    afresh each time, absent means none."""

    def __init__(self, suite, client, outcomes_file=None, node="node-1"):
        self.client, self.node, self.outcomes_file = client, node, outcomes_file
        self.pods = {}                  # (namespace, name) -> newest object seen
        self.since = {}                 # (uid, stage) -> monotonic seconds
        self.queue = []                 # (due, number, key)
        self.numbers = itertools.count()
        self.addresses = itertools.count(1)
        self.wake = threading.Condition()
        self.done = False
        self.errors = []
        self._create_node()
        self.threads = [threading.Thread(target=client.follow, args=("/api/v1/pods", lambda: self.done, self._event), daemon=True),
                        threading.Thread(target=self._work, daemon=True)]
        for thread in self.threads:
            thread.start()
        if suite is not None:
            suite.defer(self.stop)
            suite.dump_on_failure.append(("stand-in for the kubelet", lambda: "\n".join(self.errors[-20:]) or "no errors"))

    def stop(self):
        self.done = True
        with self.wake:
            self.wake.notify_all()

    def _create_node(self):
        if self.client.find(f"/api/v1/nodes/{self.node}") is None:
            self.client.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node}})
            self.client.merge(f"/api/v1/nodes/{self.node}/status", {"status": {"conditions": [
                {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": stamp(), "lastHeartbeatTime": stamp()}]}})

    def _event(self, kind, thing):
        with self.wake:
            if kind == "SYNC":
                self.pods = {self._key(pod): pod for pod in thing}
                for key in self.pods:
                    self._mark(key, 0)
            elif kind == "DELETED":
                self.pods.pop(self._key(thing), None)
                uid = thing["metadata"]["uid"]
                self.since = {at: value for at, value in self.since.items() if at[0] != uid}
            else:
                self.pods[self._key(thing)] = thing
                self._mark(self._key(thing), 0)
            self.wake.notify_all()

    @staticmethod
    def _key(pod):
        return pod["metadata"]["namespace"], pod["metadata"]["name"]

    def _mark(self, key, seconds):
        heapq.heappush(self.queue, (time.monotonic() + seconds, next(self.numbers), key))

    def _work(self):
        while not self.done:
            with self.wake:
                now = time.monotonic()
                if not self.queue or self.queue[0][0] > now:
                    self.wake.wait(min(1.0, self.queue[0][0] - now) if self.queue else 1.0)
                    continue
                key = heapq.heappop(self.queue)[2]
                pod = self.pods.get(key)
            if pod is None:
                continue
            try:
                self._step(pod)
            except ApiError as error:
                # Not found and conflicts are the course of things; the watch brings the newer object.
                if error.status not in (404, 409):
                    self.errors.append(f"{stamp()} {key}: {error}")
                    with self.wake:
                        self._mark(key, 1)
            except Exception as error:
                self.errors.append(f"{stamp()} {key}: {type(error).__name__}: {error}")
                with self.wake:
                    self._mark(key, 1)

    # -- stages ---------------------------------------------------------------------------------------------------

    def _since(self, pod, stage):
        return self.since.setdefault((pod["metadata"]["uid"], stage), time.monotonic())

    def _due(self, pod, since, delay):
        left = since + delay - time.monotonic()
        if left <= 0:
            return True
        with self.wake:
            self._mark(self._key(pod), left)
        return False

    @staticmethod
    def _stage(pod, stage):
        text = (pod["metadata"].get("annotations") or {}).get(ANNOTATION + stage)
        seconds = go_duration(text) if text else None
        return STAGES[stage] if seconds is None else seconds

    def _outcomes(self):
        if self.outcomes_file and os.path.exists(self.outcomes_file):
            with open(self.outcomes_file) as stream:
                return json.load(stream)
        return {}

    def _step(self, pod):
        status = pod.get("status", {})
        if pod["metadata"].get("deletionTimestamp"):
            return self._terminate(pod)
        if status.get("phase") in ("Succeeded", "Failed"):
            return None
        if not pod["spec"].get("nodeName"):
            return self._bind(pod)
        script = Script(pod, self._outcomes())
        if not status.get("podIP"):
            return self._start(pod, script)
        return self._run(pod, script)

    def _path(self, pod):
        namespace, name = self._key(pod)
        return f"/api/v1/namespaces/{namespace}/pods/{name}"

    def _status(self, pod, status):
        written = self.client.merge(self._path(pod) + "/status", {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status})
        with self.wake:   # the watch may bring it only after the next look
            seen = self.pods.get(self._key(pod))
            if seen is not None and int(seen["metadata"]["resourceVersion"]) < int(written["metadata"]["resourceVersion"]):
                self.pods[self._key(pod)] = written
                self._mark(self._key(pod), 0)

    def _bind(self, pod):
        if self._due(pod, self._since(pod, "schedule"), self._stage(pod, "schedule")):
            namespace, name = self._key(pod)
            self.client.create(self._path(pod) + "/binding", {
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": namespace},
                "target": {"apiVersion": "v1", "kind": "Node", "name": self.node}})

    @staticmethod
    def _conditions(pod, **wanted):
        """The stored conditions with some replaced; an unchanged one keeps its transition time, foreign ones stay."""
        out = []
        for kind, value in wanted.items():
            on, reason = value if isinstance(value, tuple) else (value, "")
            old = condition_of(pod, kind)
            if old is not None and (old["status"] == "True") == on:
                out.append(old)
            else:
                out.append({"type": kind, "status": "True" if on else "False", "lastTransitionTime": stamp(), **({"reason": reason} if reason else {})})
        return out + [old for old in pod.get("status", {}).get("conditions") or [] if old["type"] not in wanted]

    @staticmethod
    def _restarts(pod):
        statuses = pod.get("status", {}).get("containerStatuses") or []
        return statuses[0].get("restartCount", 0) if statuses else 0

    @staticmethod
    def _containers(pod, state, ready, restarts):
        return [{"name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": ready,
                 "restartCount": restarts, "state": state, "lastState": {}} for container in pod["spec"]["containers"]]

    def _waiting_as(self, pod, reason):
        statuses = pod.get("status", {}).get("containerStatuses") or []
        return bool(statuses) and (statuses[0].get("state", {}).get("waiting") or {}).get("reason") == reason

    def _start(self, pod, script):
        if not self._due(pod, self._since(pod, "start"), self._stage(pod, "start")):
            return
        unready = (False, "ContainersNotReady")
        if script.image_error:
            if not pod.get("status", {}).get("containerStatuses"):
                waiting = {"waiting": {"reason": "ErrImagePull", "message": "the image does not exist"}}
                self._status(pod, {"phase": "Pending", "startTime": stamp(), "containerStatuses": self._containers(pod, waiting, False, 0),
                                   "conditions": self._conditions(pod, Ready=unready, ContainersReady=unready, PodScheduled=True)})
            return
        number = next(self.addresses)
        address = f"10.244.{number // 250 % 250}.{number % 250 + 1}"
        running = {"running": {"startedAt": stamp()}}
        self._status(pod, {"phase": "Running", "startTime": stamp(), "podIP": address, "podIPs": [{"ip": address}], "hostIP": "127.0.0.1",
                           "containerStatuses": self._containers(pod, running, False, self._restarts(pod)),
                           "conditions": self._conditions(pod, Initialized=True, Ready=unready, ContainersReady=unready, PodScheduled=True)})

    def _run(self, pod, script):
        uid = pod["metadata"]["uid"]
        if self._waiting_as(pod, "CrashLoopBackOff"):
            if not self._due(pod, self._since(pod, "crashed"), CRASH_BACKOFF):
                return
            self.since.pop((uid, "ready"), None)
            self.since.pop((uid, "crashed"), None)
            running = {"running": {"startedAt": stamp()}}
            self._status(pod, {"containerStatuses": self._containers(pod, running, False, self._restarts(pod))})
            return
        running_since = self._since(pod, "ready")
        if script.runs_for is not None and self._due(pod, running_since, script.runs_for):
            self._end(pod, script)
            return
        # A container that is to end with an error does not become ready first: it would flap.
        if script.never_ready or (script.runs_for is not None and script.exit_code != 0):
            return
        if self._due(pod, running_since, max(self._stage(pod, "ready"), script.initial_delay)):
            self._set_ready(pod)

    def _set_ready(self, pod):
        gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
        ready = all(is_true(pod, gate) for gate in gates)
        if ready == is_true(pod, "Ready") and is_true(pod, "ContainersReady"):
            return
        running = {"running": {"startedAt": pod["status"].get("startTime", stamp())}}
        self._status(pod, {"containerStatuses": self._containers(pod, running, True, self._restarts(pod)),
                           "conditions": self._conditions(pod, Initialized=True, Ready=(ready, "" if ready else "ReadinessGatesNotReady"),
                                                          ContainersReady=True, PodScheduled=True)})

    def _end(self, pod, script):
        code = script.exit_code
        restart = script.restart_policy == "Always" or (script.restart_policy == "OnFailure" and code != 0)
        over = (False, "PodCompleted")
        if not restart:
            ended = {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": stamp()}}
            self._status(pod, {"phase": "Succeeded" if code == 0 else "Failed",
                               "containerStatuses": self._containers(pod, ended, False, self._restarts(pod)),
                               "conditions": self._conditions(pod, Ready=over, ContainersReady=over)})
            return
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
        self._status(pod, {"containerStatuses": self._containers(pod, waiting, False, self._restarts(pod) + 1),
                           "conditions": self._conditions(pod, Ready=over, ContainersReady=over)})
        self.since[(pod["metadata"]["uid"], "crashed")] = time.monotonic()
        with self.wake:
            self._mark(self._key(pod), CRASH_BACKOFF)

    def _terminate(self, pod):
        status = pod.get("status", {})
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 30)
        started = bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")
        if not started or self._due(pod, self._since(pod, "terminate"), min(grace, self._stage(pod, "terminate"))):
            self.client.delete(self._path(pod), {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
                                                 "preconditions": {"uid": pod["metadata"]["uid"]}})
