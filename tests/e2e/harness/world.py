"""A real API server with everything installed, what stands in for the rest of a cluster, and controllers with accounts."""
import os
import re

from .cases import check, wait_until
from .control_plane import ACCOUNT, CONTROLLERS, NAMESPACE, Audit, ControlPlane, assets_or_skip
from .kubelet import Kubelet
from .objects import path
from .programs import Controller, Kubectl, kubectls
from .prometheus import ScriptedPrometheus
from .rollouts import RolloutView, apply_crds, apply_deploy


class RealWorld:
    def __init__(self, suite, more_controllers=""):
        assets, programs = assets_or_skip(), kubectls()
        self.suite = suite
        self.directory = suite.scratch()
        self.plane = ControlPlane(suite, assets, self.directory, CONTROLLERS + more_controllers)
        self.admin = self.plane.admin
        self.audit = Audit(self.plane.audit_log)
        self.kubelet = Kubelet(suite, self.plane.client("kubelet", "stand-in"))
        self.prometheus = ScriptedPrometheus(suite, os.path.join(self.directory, "prometheus.value"))
        self.kubectl = Kubectl(suite, programs[0], self.plane.admin_config, self.directory)
        apply_crds(self.kubectl)
        apply_deploy(self.kubectl)

    def start_controller(self, *flags, name="controller", account=ACCOUNT):
        controller = Controller(self.suite, self.plane.account_config(account), self.directory, name, self.prometheus.url, flags)
        controller.account = account
        return controller

    def answer(self, host, value):
        """What the web metrics of this host measure from now on."""
        self.prometheus.web[f"http://{host}/value"] = (200, {"value": value})

    def asked(self, host):
        """Times at which a web metric asked this host."""
        return [at for at, _, url in list(self.prometheus.web_requests) if url.startswith(f"http://{host}/") or url.startswith(f"http://{host}:80/")]

    def writes(self, account=ACCOUNT, mark=0):
        """Also Events and Leases, also those that were refused."""
        return [entry for entry in self.audit.entries(f":{NAMESPACE}:{account}", mark)
                if entry["verb"] in ("create", "update", "patch", "delete", "deletecollection")]

    def plugin(self, namespace, *arguments):
        return self.kubectl("argo", "rollouts", *arguments, "-n", namespace)

    def warnings(self, namespace, name):
        """(kind, reason, message, times) of the Warning Events on the objects of this name."""
        listed = self.admin.get(f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3D{name}")["items"]
        return [(one["involvedObject"]["kind"], one["reason"], one["message"], one.get("count") or 1) for one in listed if one["type"] == "Warning"]

    def owned(self, kind, namespace, owner):
        """Objects of this kind that the object of `owner` (a uid) controls, oldest first."""
        listed = self.admin.get(path(kind, namespace))["items"]
        found = [one for one in listed if any(reference["uid"] == owner for reference in one["metadata"].get("ownerReferences") or [])]
        return sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])


def passes(controller, namespace, name):
    """How often this controller has decided about the Rollout."""
    text = controller.get("metrics", "/metrics")[1]
    found = re.search(rf'^rollout_reconcile_count{{[^}}]*name="{name}",namespace="{namespace}"[^}}]*}} (\d+)', text, re.M)
    return int(found[1]) if found else 0


def wait_for_passes(controller, namespace, name, number, never=None, before=None):
    """Until the controller has looked at the Rollout so many times more (than `before`, or than now): what it was to do it has
    done by then."""
    before = passes(controller, namespace, name) if before is None else before

    def looked():
        seen = passes(controller, namespace, name)
        check(seen >= before + number, f"{seen} passes after {before}")
        return True
    wait_until(f"{name} is looked at {number} times more", looked, 30, never=never)


def paused(view, index, seconds=40, never=None):
    """Until the Rollout waits for a person at this step."""
    def waits():
        rollout = view.get()
        status = rollout.get("status", {})
        check(status.get("phase") == "Paused" and status.get("currentStepIndex") == index and
              str(status.get("observedGeneration")) == str(rollout["metadata"]["generation"]), f"status is {view.describe()}")
        return status
    return wait_until(f"{view.name} is paused at step {index}", waits, seconds, never=never)


__all__ = ["RealWorld", "RolloutView", "passes", "paused", "wait_for_passes"]
