#!/usr/bin/env python3
"""Writes src/kubectl/fields.txt: every field of every kind that kubehop plays, with its type.

    python3 tests/schema/generate.py KUBERNETES API APIMACHINERY

The arguments are the source folders of k8s.io/kubernetes (its OpenAPI says which fields there are), k8s.io/api and
k8s.io/apimachinery (their Go types give the names that decoding errors print). The format is explained in
src/kubectl/schema.rs.
"""
import json
import re
import sys
from pathlib import Path

KUBERNETES, API, MACHINERY = map(Path, sys.argv[1:4])
SWAGGER = json.loads((KUBERNETES / "api/openapi-spec/swagger.json").read_text())
DEFINITIONS = SWAGGER["definitions"]
PLAYED = {
    "core.v1": "Namespace Node ConfigMap Secret Service Endpoints Pod Event ReplicationController",
    "apps.v1": "Deployment StatefulSet DaemonSet ReplicaSet",
    "discovery.v1": "EndpointSlice",
    "networking.v1": "Ingress IngressClass NetworkPolicy",
}
SPECIAL = {"Quantity": "q", "IntOrString": "o", "Time": "t", "MicroTime": "m", "FieldsV1": "f"}
SOURCES = {
    "core.v1": API / "core/v1/types.go",
    "apps.v1": API / "apps/v1/types.go",
    "discovery.v1": API / "discovery/v1/types.go",
    "networking.v1": API / "networking/v1/types.go",
    "meta.v1": MACHINERY / "pkg/apis/meta/v1/types.go",
}


def go_structs(path):
    """Struct name -> JSON name -> Go type; embedded structs by their type under their own name."""
    structs, text = {}, path.read_text()
    for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        fields = {}
        for line in body.splitlines():
            line = line.strip()
            if line.startswith("//") or "json:" not in line:
                continue
            tag = re.search(r'json:"([^",]*)', line).group(1)
            parts = line.split("`")[0].split()
            fields[tag or "inline " + parts[-1]] = parts[-1]
        structs[name] = fields
    return structs


GO = {group: go_structs(path) for group, path in SOURCES.items()}


def group_of(definition):
    return ".".join(definition.split(".")[-3:-1])


def short(definition):
    """A struct's name in the table: its Go name, with the group before it where two groups share the name."""
    name, group = definition.split(".")[-1], group_of(definition)
    return name if not group.startswith("discovery") or name == "EndpointSlice" else "discovery/" + name


def go_type(group, struct, field):
    """The field's Go type as errors print it, or None."""
    fields = GO.get(group, {}).get(struct, {})
    kind = fields.get(field)
    if kind is None:
        for name, inner in fields.items():
            if name.startswith("inline"):
                kind = kind or go_type(group, inner.split(".")[-1], field)
        return kind
    prefix = re.match(r"^(\*|\[\]|map\[\w+\])*", kind).group(0)
    base = kind[len(prefix):]
    if "." in base:
        package, name = base.split(".")
        base = ("v1." if package in ("metav1", "v1") else package + ".") + name
    elif base[0].isupper():
        base = "v1." + base
    return prefix.replace("*", "") + base


def embedded(group, struct, field):
    """The Go name of the embedded struct that carries the field, or None. Decoding errors print it in the field's path."""
    fields = GO.get(group, {}).get(struct, {})
    if struct == "PersistentVolumeClaim" and field in ("apiVersion", "kind"):
        # The only whole object that stands inside another one.
        return "TypeMeta"
    if field not in fields:
        for name, inner in fields.items():
            inner = inner.split(".")[-1]
            if name.startswith("inline") and inner != "TypeMeta" and go_type(group, inner, field):
                return inner
    return None


def token(schema):
    """The type as the table writes it, and as Go prints it when no name hides it."""
    if "$ref" in schema:
        definition = schema["$ref"].split("/")[-1]
        name = definition.split(".")[-1]
        if name in SPECIAL:
            package = {"Quantity": "resource", "IntOrString": "intstr"}.get(name, "v1")
            return SPECIAL[name], f"{package}.{name}", None
        return short(definition), "v1." + name, definition
    kind, form = schema.get("type"), schema.get("format")
    if kind == "array":
        inner, go, ref = token(schema["items"])
        return "[" + inner, "[]" + go, ref
    if kind == "object":
        inner, go, ref = token(schema["additionalProperties"])
        return "{" + inner, "map[string]" + go, ref
    if kind == "string" and form == "byte":
        return "y", "[]uint8", None
    simple = {"string": ("s", "string"), "boolean": ("b", "bool")}
    simple["integer"] = ("I", "int64") if form == "int64" else ("i", "int32")
    return (*simple[kind], None)


def main():
    todo = [f"io.k8s.api.{group}.{name}" for group, names in PLAYED.items() for name in names.split()]
    lines, done = {}, set()
    while todo:
        definition = todo.pop()
        if definition in done:
            continue
        done.add(definition)
        schema, group, name = DEFINITIONS[definition], group_of(definition), definition.split(".")[-1]
        fields = []
        for field, inner in sorted(schema.get("properties", {}).items()):
            text, go, ref = token(inner)
            if ref:
                todo.append(ref)
            if field in schema.get("required", []):
                text = "!" + text
            keys = inner.get("x-kubernetes-list-map-keys") or [inner.get("x-kubernetes-patch-merge-key")]
            if keys[0]:
                text += "#" + "+".join(keys)
            inner = embedded(group, name, field)
            text += "^" + inner if inner else ""
            actual = go_type(group, name, field)
            if actual and actual.replace("[]byte", "[]uint8") != go:
                text += "'" + actual.removeprefix("v1.") if not actual.startswith(("[", "m")) else "'" + actual
            fields.append(f"{field}={text}")
        lines[short(definition)] = f"{short(definition)} {' '.join(fields)}"
    # What has a path of its own: not a part of another object (`pods/NAME/eviction`), of which kubectl takes no document either.
    kinds = {}
    for path, operations in SWAGGER["paths"].items():
        parts = path.split("/{name}")
        if len(parts) > 1 and parts[-1] or "/watch/" in path:
            continue
        for operation in operations.values():
            kind = operation.get("x-kubernetes-group-version-kind") if isinstance(operation, dict) else None
            if kind:
                version = f"{kind['group']}/{kind['version']}".lstrip("/")
                kinds.setdefault(version, set()).add(kind["kind"])
    text = "".join(lines[name] + "\n" for name in sorted(lines))
    text += "\n" + "".join(f"{version} {' '.join(sorted(names))}\n" for version, names in sorted(kinds.items()))
    target = Path(__file__).parents[2] / "src/kubectl/fields.txt"
    target.write_text(text)
    print(len(lines), "structs,", sum(line.count("=") for line in lines.values()), "fields,", len(text), "bytes")


main()
