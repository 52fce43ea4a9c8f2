"""Accounts, roles and bindings, for tests under RBAC."""
import json

from .client import ApiError
from .control_plane import ACCOUNT, NAMESPACE

GROUP = "rbac.authorization.k8s.io"
API = f"/apis/{GROUP}/v1"


def _path(kind, namespace):
    return f"{API}/namespaces/{namespace}/{kind}" if namespace else f"{API}/cluster{kind}"


def service_account(admin, namespace, name):
    admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def controller_account(name=ACCOUNT):
    return {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}


def role(admin, name, rules, namespace=None):
    """`rules`: (group, resources, verbs) or (group, resources, verbs, names). A ClusterRole without a namespace."""
    admin.create(_path("roles", namespace), {
        "apiVersion": f"{GROUP}/v1", "kind": "Role" if namespace else "ClusterRole", "metadata": {"name": name},
        "rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs, **({"resourceNames": names[0]} if names else {})}
                  for group, resources, verbs, *names in rules]})


def bind(admin, name, subject, namespace=None, kind="ClusterRole", role_name=None):
    admin.create(_path("rolebindings", namespace), {
        "apiVersion": f"{GROUP}/v1", "kind": "RoleBinding" if namespace else "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role_name or name}, "subjects": [subject]})


def unbind(admin, name, namespace=None):
    admin.delete(f"{_path('rolebindings', namespace)}/{name}")


def take_from_cluster_role(admin, name, taken):
    """`taken`: {resource: verbs} that this role grants no longer."""
    path = f"{API}/clusterroles/{name}"
    rules = json.loads(json.dumps(admin.get(path)["rules"]))
    for rule in rules:
        for resource, verbs in taken.items():
            if resource in rule["resources"]:
                assert rule["resources"] == [resource], f"{rule} grants more than {resource}"
                rule["verbs"] = [verb for verb in rule["verbs"] if verb not in verbs]
    admin.merge(path, {"rules": rules})


def may(client, verb, group, resource, namespace):
    """What the authorizer says of this client now: a change of RBAC takes a moment to get there."""
    answer = client.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
            "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "namespace": namespace}}})
    return answer["status"]["allowed"]


def is_refused(function, *arguments):
    try:
        function(*arguments)
    except ApiError as error:
        return error.status == 403
    return False


__all__ = ["bind", "controller_account", "is_refused", "may", "role", "service_account", "take_from_cluster_role", "unbind"]
