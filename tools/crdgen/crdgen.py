#!/usr/bin/env python3
"""Writes crds/*.yaml from kinds.txt, kube/schema/pod_template_types.inc and
api/step_types.inc. Needs nothing but Python 3.

    python3 tools/crdgen/crdgen.py            writes the files
    python3 tools/crdgen/crdgen.py --check    exit code 1 when a file is not what would be written
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GROUP = "argoproj.io"
INDENT = "  "

AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
PHASE = {"name": "Status", "type": "string", "jsonPath": ".status.phase"}
KINDS = [
    # kind, root type, plural, singular, short name, scope, printer columns, subresources, what it is
    ("Rollout", "Rollout", "rollouts", "rollout", "ro", "Namespaced",
     [{"name": name, "type": "integer", "jsonPath": path} for name, path in (
         ("Desired", ".spec.replicas"), ("Current", ".status.replicas"),
         ("Up-to-date", ".status.updatedReplicas"), ("Available", ".status.availableReplicas"))] + [AGE],
     {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.HPAReplicas",
                              "labelSelectorPath": ".status.selector"}},
     "A Rollout runs pods and brings new versions of them to users step by step."),
    ("AnalysisTemplate", "AnalysisTemplate", "analysistemplates", "analysistemplate", "at", "Namespaced", [AGE], None,
     "An AnalysisTemplate says what to measure and which results are good."),
    ("ClusterAnalysisTemplate", "AnalysisTemplate", "clusteranalysistemplates", "clusteranalysistemplate", "cat",
     "Cluster", [AGE], None, "A ClusterAnalysisTemplate is an AnalysisTemplate for all namespaces."),
    ("AnalysisRun", "AnalysisRun", "analysisruns", "analysisrun", "ar", "Namespaced", [PHASE, AGE], None,
     "An AnalysisRun takes the measurements of templates and judges them."),
    ("Experiment", "Experiment", "experiments", "experiment", "exp", "Namespaced", [PHASE, AGE], None,
     "An Experiment runs versions for a while, beside each other, and judges them."),
]

SCALARS = {
    "s": {"type": "string"},
    "i": {"type": "integer", "format": "int32"},
    "l": {"type": "integer", "format": "int64"},
    "b": {"type": "boolean"},
    "t": {"type": "string", "format": "date-time"},
    "io": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
    "x": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
SCALARS["q"] = SCALARS["Q"] = SCALARS["io"]
# Whole values for server-side apply, as the native kinds have them.
ATOMIC = {"LabelSelector", "ConfigMapKeySelector", "SecretKeySelector", "ObjectFieldSelector", "ResourceFieldSelector",
          "FileKeySelector", "LocalObjectReference", "NodeSelector", "NodeSelectorTerm"}
# Kept as they are: the server would otherwise rewrite quantities, and volume sources come and go.
KEPT = {("PodSpec", "volumes"), ("ResourceRequirements", "limits"), ("ResourceRequirements", "requests")}
# What a template's metadata may hold.
TEMPLATE_METADATA = ("annotations", "labels")

MEMBER = re.compile(r'^(?P<name>[A-Za-z0-9]+)(?P<flags>[!^~]*):(?P<type>[^=@]+)(?:="?(?P<default>[^"@]*)"?)?(?:@(?P<keys>\S+))?$')


def read_types():
    types = {}
    text = "".join((ROOT / name).read_text(encoding="utf-8")
                   for name in ("kube/schema/pod_template_types.inc", "api/step_types.inc"))
    for line in text.splitlines():
        if line and line[0].isalpha() and line[0].isupper() and ":" in line and not line.startswith("R\""):
            name, _, rest = line.partition(":")
            types[name] = [(word, None) for word in rest.split()]
    current = None
    for line in (HERE / "kinds.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            current = types[line.strip()] = []
            continue
        member, _, description = line.strip().partition(" | ")
        current.append((member.strip(), description.strip()))
    return types


def schema_of(type_text, types, keys):
    type_text = type_text.rstrip("*")
    choice = re.match(r"^s\((.*)\)$", type_text)
    if choice:
        return {"type": "string", "enum": choice.group(1).split(",")}
    if type_text in SCALARS:
        return dict(SCALARS[type_text])
    if type_text.startswith("[]") or (type_text[0] == "[" and type_text[-1] == "]"):
        inner = type_text[2:] if type_text.startswith("[]") else type_text[1:-1]
        out = {"type": "array", "items": schema_of(inner, types, None)}
        if keys:
            out["x-kubernetes-list-type"] = "map"
            out["x-kubernetes-list-map-keys"] = keys.split(",")
        return out
    if type_text[0] == "{":
        inner = type_text[2:] if type_text.startswith("{}") else type_text[1:-1]
        return {"type": "object", "additionalProperties": schema_of(inner, types, None)}
    return object_schema(type_text, types)


def object_schema(name, types):
    properties, required = {}, []
    for word, description in types[name]:
        match = MEMBER.match(word)
        if not match:
            raise SystemExit(f"{name}: cannot read {word!r}")
        member, default = match["name"], match["default"]
        if name == "ObjectMeta" and member not in TEMPLATE_METADATA:
            continue
        if (name, member) in KEPT:
            schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            if member == "volumes":
                schema = {"type": "array", "items": schema}
        else:
            schema = schema_of(match["type"], types, match["keys"])
        if description:
            schema["description"] = description
        if default is not None:
            schema["default"] = {"true": True, "false": False}.get(default, default)
        elif "!" in match["flags"]:
            required.append(member)
        properties[member] = schema
    out = {"type": "object"}
    if properties:
        out["properties"] = properties
    if required:
        out["required"] = required
    if name in ATOMIC:
        out["x-kubernetes-map-type"] = "atomic"
    return out


def crd(kind, root, plural, singular, short, scope, columns, subresources, description, types):
    schema = object_schema(root, types)
    schema["description"] = description
    schema["properties"] = {
        "apiVersion": {"type": "string", "description": f"Always {GROUP}/v1alpha1."},
        "kind": {"type": "string", "description": f"Always {kind}."},
        "metadata": {"type": "object"},
        **schema["properties"],
    }
    version = {"name": "v1alpha1", "served": True, "storage": True, "additionalPrinterColumns": columns,
               "schema": {"openAPIV3Schema": schema}}
    if subresources:
        version["subresources"] = subresources
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": singular, "shortNames": [short]},
            "scope": scope,
            "versions": [version],
        },
    }


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9./-]*", value) and value.lower() not in (
            "true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return value
    return json.dumps(value, ensure_ascii=False)


def emit(value, depth, out):
    pad = INDENT * depth
    for key in sorted(value):
        item = value[key]
        if isinstance(item, dict) and item:
            out.append(f"{pad}{key}:")
            emit(item, depth + 1, out)
        elif isinstance(item, list) and item:
            out.append(f"{pad}{key}:")
            for element in item:
                if isinstance(element, dict):
                    lines = []
                    emit(element, depth + 1, lines)
                    lines[0] = pad + "- " + lines[0].lstrip()
                    out.extend(lines)
                else:
                    out.append(f"{pad}- {scalar(element)}")
        else:
            out.append(f"{pad}{key}: {'{}' if item == {} else '[]' if item == [] else scalar(item)}")


def main():
    types = read_types()
    check = "--check" in sys.argv[1:]
    stale = []
    for entry in KINDS:
        document = crd(*entry, types)
        lines = ["# Written by tools/crdgen/crdgen.py; do not edit."]
        emit(document, 0, lines)
        text = "\n".join(lines) + "\n"
        path = ROOT / "crds" / f"{entry[2]}.yaml"
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
            continue
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(json.dumps(document, separators=(',', ':')))} bytes as compact JSON")
    if stale:
        raise SystemExit("stale, run tools/crdgen/crdgen.py: " + ", ".join(stale))


if __name__ == "__main__":
    main()
