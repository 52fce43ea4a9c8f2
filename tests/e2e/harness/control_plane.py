"""etcd, kube-apiserver with RBAC and an audit log, and kube-controller-manager, started for one test run."""
import json
import os
import secrets
import subprocess
import time

from .cases import Failure, check, skip, wait_until
from .client import ApiError, Client
from .processes import Process, environment, free_port, run

CONTROLLERS = "replicaset,deployment,job,endpoint,endpointslice,garbagecollector,namespace,disruption"
NAMESPACE = "argo-rollouts"
ACCOUNT = "argo-rollouts"

# Writes of service accounts are kept with their bodies, so that tests can look at preconditions.
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
    userGroups: ["system:serviceaccounts"]
    verbs: [create, update, patch, delete]
  - level: Metadata
"""


def assets_or_skip():
    """The directory with the servers. Without it the test is skipped, with the remedy in the reason."""
    root = os.environ["SLUICE_ROOT"]
    answer = run([os.path.join(root, "script", "kube-assets"), "--find"], env=dict(os.environ))
    if answer.code != 0:
        skip(answer.err.strip().removeprefix("error: "))
    directory = answer.out.strip()
    if not os.access(os.path.join(directory, "kube-controller-manager"), os.X_OK):
        skip(f"{directory} has no kube-controller-manager")
    return directory


def kubeconfig(path, url, ca_file, token, namespace="default"):
    text = json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": ca_file}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}]})
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    return path


class ControlPlane:
    def __init__(self, suite, assets, directory, controllers=CONTROLLERS):
        self.suite, self.assets, self.directory = suite, assets, directory
        self.env = environment()
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca_file = self.path("certs/apiserver.crt")
        self.audit_log = self.path("audit.log")
        self.tokens = {name: secrets.token_hex(16) for name in ("admin", "kubelet", "controller-manager")}
        os.makedirs(self.path("certs"))
        self._write_files()
        began = time.monotonic()
        self.etcd = self._start_etcd()
        self.apiserver = self._start_apiserver()
        suite.dump_on_failure.append(("kube-apiserver", lambda: self.apiserver.log(15)))
        wait_until("kube-apiserver wrote its certificate", self._certificate, 30)
        self.admin = self.client("admin")
        wait_until("kube-apiserver is ready", self._ready, 60)
        self.admin_config = kubeconfig(self.path("admin.kubeconfig"), self.url, self.ca_file, self.tokens["admin"])
        self.manager = self._start_manager(controllers) if controllers else None
        wait_until("namespace default exists", lambda: self.admin.find("/api/v1/namespaces/default"), 30)
        self.version = self.admin.get("/version")["gitVersion"]
        print(f"kube-apiserver {self.version} is ready after {time.monotonic() - began:.1f} s at {self.url}", flush=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(self.assets, name)

    def client(self, user, agent="sluice-e2e"):
        return Client("127.0.0.1", self.port, self.ca_file, self.tokens.get(user, user), agent)

    def _write_files(self):
        with open(self.path("audit-policy.yaml"), "w") as out:
            out.write(AUDIT_POLICY)
        with open(os.open(self.path("tokens.csv"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            for name, token in self.tokens.items():
                out.write(f'{token},{name},{name},"system:masters"\n')
        subprocess.run(["openssl", "genrsa", "-out", self.path("service-account.key"), "2048"], check=True, capture_output=True)

    def _start_etcd(self):
        client, peer = free_port(), free_port()
        self.etcd_url = f"http://127.0.0.1:{client}"
        return Process(self.suite, "etcd", [
            self.program("etcd"), "--name=default", f"--data-dir={self.path('etcd')}", f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--log-level=warn", "--logger=zap"], self.path("etcd.log"), self.env)

    def _start_apiserver(self):
        key = self.path("service-account.key")
        return Process(self.suite, "kube-apiserver", [
            self.program("kube-apiserver"), f"--etcd-servers={self.etcd_url}", f"--cert-dir={self.path('certs')}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={self.port}",
            "--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none", "--authorization-mode=RBAC",
            f"--token-auth-file={self.path('tokens.csv')}", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--disable-admission-plugins=ServiceAccount", f"--audit-policy-file={self.path('audit-policy.yaml')}",
            f"--audit-log-path={self.audit_log}"], self.path("apiserver.log"), self.env)

    def _certificate(self):
        self.etcd.require_alive()
        self.apiserver.require_alive()
        return os.path.exists(self.ca_file) and os.path.getsize(self.ca_file) > 0 and os.path.exists(self.path("certs/apiserver.key"))

    def _ready(self):
        self.apiserver.require_alive()
        try:
            return self.admin.request("GET", "/readyz", raw=True) == "ok"
        except (ApiError, OSError):
            return False

    def _start_manager(self, controllers):
        config = kubeconfig(self.path("manager.kubeconfig"), self.url, self.ca_file, self.tokens["controller-manager"])
        return Process(self.suite, "kube-controller-manager", [
            self.program("kube-controller-manager"), f"--kubeconfig={config}", f"--controllers={controllers}", "--leader-elect=false",
            "--port=0", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"], self.path("manager.log"), self.env)

    def account_token(self, account=ACCOUNT, namespace=NAMESPACE, hours=1):
        """A token of a ServiceAccount, by the TokenRequest API as a kubelet would get it."""
        answer = self.admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": hours * 3600}})
        token = answer["status"]["token"]
        check(token.count(".") == 2, f"no token in {answer}")
        return token

    def account_config(self, account=ACCOUNT, namespace=NAMESPACE):
        """As in a Pod of the account: its namespace is the context's."""
        token = self.account_token(account, namespace)
        return kubeconfig(self.path(f"{account}.kubeconfig"), self.url, self.ca_file, token, namespace)


class Audit:
    """The audit log: who did what. One JSON object per line, written before the client gets its answer."""

    def __init__(self, path):
        self.log = path

    def entries(self, user=None, since=0):
        """Requests of `user` (a suffix of the name is enough) after the first `since` bytes of the log."""
        out = []
        with open(self.log, "rb") as stream:
            stream.seek(since)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                entry = json.loads(line)
                if user is None or entry.get("user", {}).get("username", "").endswith(user):   # none: it ended before it was known who asks
                    out.append(entry)
        return out

    def mark(self):
        return os.path.getsize(self.log)

    @staticmethod
    def describe(entry):
        target = entry.get("objectRef", {})
        resource = target.get("resource", entry["requestURI"])
        if target.get("subresource"):
            resource += "/" + target["subresource"]
        return f"{entry['verb']} {resource}"

    @staticmethod
    def is_write(entry):
        """A write to an object: Leases and Events are counted apart."""
        if entry["verb"] not in ("create", "update", "patch", "delete", "deletecollection"):
            return False
        return entry.get("objectRef", {}).get("resource") not in ("leases", "events", "tokenreviews", "selfsubjectaccessreviews")

    @staticmethod
    def time_of(entry):
        """Seconds since the epoch of the answer."""
        from datetime import datetime
        return datetime.fromisoformat(entry["stageTimestamp"].replace("Z", "+00:00")).timestamp()

    @classmethod
    def table(cls, entries):
        counts = {}
        for entry in entries:
            key = cls.describe(entry)
            counts[key] = counts.get(key, 0) + 1
        return ", ".join(f"{count} {key}" for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


__all__ = ["ControlPlane", "Audit", "assets_or_skip", "kubeconfig", "Failure", "NAMESPACE", "ACCOUNT"]
