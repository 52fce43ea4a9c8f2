#!/usr/bin/env python3
"""An idle fleet on a real kube-apiserver: what the controller takes of memory and API, and how soon it acts after a start.

    SLUICE_BINARY=build/sluice python3 -B bench/fleet.py [--rollouts N] [--runs N]

The fleet is made through the controller itself: N Rollouts without pods, each with two Services, an Ingress, and what the
controller adds (a ReplicaSet, the canary Ingress); with --runs, so many finished AnalysisRuns each. Then the controller is
started anew and one Rollout is changed at once. Needs script/kube-assets; 10,000 Rollouts take about ten minutes."""
import argparse
import json
import os
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("SLUICE_ROOT", ROOT)
os.environ.setdefault("SLUICE_BINARY", os.path.join(ROOT, "build", "sluice"))
os.environ.setdefault("SLUICE_CACHE", os.path.expanduser("~/.cache/sluice"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness.cases import Suite, wait_until  # noqa: E402
from harness.control_plane import Audit, ControlPlane, assets_or_skip  # noqa: E402
from harness.programs import Controller, Kubectl, kubectls  # noqa: E402
from harness.rollouts import apply_crds, apply_deploy  # noqa: E402

NAMESPACES = 200
API = "/apis/argoproj.io/v1alpha1"
WRITERS = 12
ACCOUNT = ":argo-rollouts:argo-rollouts"   # of the controller, in the audit log


def namespace(number):
    return f"team-{number % NAMESPACES}"


def objects(number):
    name, ns = f"web-{number}", namespace(number)
    for service in (f"{name}-stable", f"{name}-canary"):
        yield f"/api/v1/namespaces/{ns}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": service}, "spec": {
            "clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}}
    yield f"/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses", {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": {"rules": [{
            "host": f"{name}.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
                "service": {"name": f"{name}-stable", "port": {"number": 80}}}}]}}]}}
    yield f"{API}/namespaces/{ns}/rollouts", {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {
        "name": name, "labels": {"team": ns}}, "spec": {
        "replicas": 0, "revisionHistoryLimit": 3, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{
            "name": "web", "image": f"registry.example/{name}:1", "ports": [{"containerPort": 8080, "name": "http"}],
            "env": [{"name": "MODE", "value": "prod"}], "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}}}]}},
        "strategy": {"canary": {
            "stableService": f"{name}-stable", "canaryService": f"{name}-canary",
            "trafficRouting": {"nginx": {"stableIngress": name}},
            "steps": [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}}]}}}}


def finished_run(rollout, number):
    """As the controller leaves a background run that took five samples."""
    meta = rollout["metadata"]
    sample = [{"phase": "Successful", "startedAt": f"2026-11-0{1 + number % 9}T10:{second:02}:00Z", "value": "[0.99]",
               "finishedAt": f"2026-11-0{1 + number % 9}T10:{second:02}:00Z"} for second in range(5)]
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {
        "name": f"{meta['name']}-{number}", "labels": {"app": meta["name"], "rollouts-pod-template-hash": f"{hash(meta['uid']) % 10**10:010}"},
        "annotations": {"rollout.argoproj.io/revision": str(number)},
        "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": meta["name"], "uid": meta["uid"],
                             "controller": True, "blockOwnerDeletion": True}]},
        "spec": {"metrics": [{"name": "success-rate", "interval": "60s", "successCondition": "result[0] >= 0.95", "provider": {
            "prometheus": {"address": "http://prometheus:9090", "query": f"sum(rate(ok{{app=\"{meta['name']}\"}}[1m]))"}}}]},
        "status": {"phase": "Successful", "startedAt": sample[0]["startedAt"], "dryRunSummary": {}, "runSummary": {"count": 1, "successful": 1},
                   "metricResults": [{"name": "success-rate", "phase": "Successful", "count": 5, "successful": 5, "measurements": sample}]}}


def in_parallel(plane, numbers, work):
    """work(client, number) for all numbers by some threads, each with a connection of its own."""
    numbers, lock, failures = iter(numbers), threading.Lock(), []

    def run():
        client = plane.client("admin")
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                work(client, number)
            except Exception as error:  # the first one ends the whole
                failures.append(error)
    threads = [threading.Thread(target=run, daemon=True) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def memory(pid):
    """Resident set now and at its peak, in MB (10^6 bytes)."""
    with open(f"/proc/{pid}/status") as status:
        values = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    return {what: round(int(values[key]) * 1024 / 1e6, 1) for what, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def unhealthy(admin, total):
    """How many Rollouts have not been seen through by the controller."""
    healthy = sum(1 for one in listed(admin, f"{API}/rollouts") if one.get("status", {}).get("phase") == "Healthy")
    return total - healthy


def listed(admin, path):
    token = ""
    while True:
        page = admin.get(f"{path}?limit=500&continue={token}")
        yield from page["items"]
        token = page["metadata"].get("continue")
        if not token:
            return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=0, help="finished AnalysisRuns of each Rollout")
    given = parser.parse_args()
    result = {"rollouts": given.rollouts, "runs": given.rollouts * given.runs}
    with Suite("fleet") as suite:
        directory = suite.scratch()
        plane = ControlPlane(suite, assets_or_skip(), directory, controllers="replicaset")
        kubectl = Kubectl(suite, kubectls()[0], plane.admin_config, directory)
        apply_crds(kubectl)
        apply_deploy(kubectl)
        config = plane.account_config()

        def start(name):
            return Controller(suite, config, directory, name)
        began = time.monotonic()
        in_parallel(plane, range(NAMESPACES), lambda client, n: client.create("/api/v1/namespaces", {"metadata": {"name": namespace(n)}}))
        first = start("first")
        first.wait_ready(60)

        def make(client, number):
            for path, body in objects(number):
                client.create(path, body)
        in_parallel(plane, range(given.rollouts), make)
        print(f"objects made after {time.monotonic() - began:.0f} s", flush=True)
        wait_until("all Rollouts are Healthy", lambda: unhealthy(plane.admin, given.rollouts) == 0, 3600, every=5)
        # Rest is when nothing is written any more: the record of what is Healthy may still be on its way.
        audit = Audit(plane.audit_log)
        mark = audit.mark()

        def quiet():
            nonlocal mark
            time.sleep(10)
            since, mark = mark, audit.mark()
            return not [entry for entry in audit.entries(ACCOUNT, since) if Audit.is_write(entry)]
        wait_until("the controller is at rest", quiet, 600)
        print(f"all Healthy and at rest after {time.monotonic() - began:.0f} s: {memory(first.process.pid)}", flush=True)
        result["maker_MB"] = memory(first.process.pid)
        first.process.stop()
        if given.runs:
            rollouts = list(listed(plane.admin, f"{API}/rollouts"))

            def make_runs(client, rollout):
                for number in range(given.runs):
                    client.create(f"{API}/namespaces/{rollout['metadata']['namespace']}/analysisruns", finished_run(rollout, number))
            in_parallel(plane, rollouts, make_runs)

        mark = audit.mark()
        chosen = f"web-{given.rollouts // 2}"
        path = f"{API}/namespaces/{namespace(given.rollouts // 2)}/rollouts/{chosen}"
        plane.admin.request("PATCH", path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "changed:2"}],
                            "application/json-patch+json")
        second = start("second")
        result["ready_s"] = round(second.wait_ready(120), 2)
        observed = plane.admin.get(path)["metadata"]["generation"]
        wait_until("the changed Rollout is acted on",
                   lambda: str(plane.admin.get(path)["status"].get("observedGeneration")) == str(observed), 120, every=0.02)
        result["first_action_s"] = round(time.monotonic() - second.started, 2)
        result["at_first_action_MB"] = memory(second.process.pid)
        time.sleep(60)
        result["settled_MB"] = memory(second.process.pid)
        result["cpu_s"] = round(cpu_seconds(second.process.pid), 1)
        entries = audit.entries(ACCOUNT, mark)
        result["writes"] = Audit.table([entry for entry in entries if Audit.is_write(entry)])
        result["writes_to_others"] = len([entry for entry in entries if Audit.is_write(entry) and
                                          not entry["objectRef"].get("name", chosen).startswith(chosen)])
        result["uncached_reads"] = len([entry for entry in entries if entry["verb"] == "get" and entry["objectRef"].get("resource") != "leases"])
        code, text = second.get("metrics", "/metrics")
        result["scrape_MB"] = round(len(text) / 1e6, 1) if code == 200 else None
        print(json.dumps(result, indent=2))
        second.process.stop()


if __name__ == "__main__":
    main()
