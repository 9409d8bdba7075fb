"""Lists whose items have a key: the API server refuses two with the same, or applies one and drops the other."""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes import rendered
from tests.kubernetes.inject.test_inject import CASES
from tests.kubernetes.test_network_policies import every_topology

# A key that is left out has its default.
_DEFAULTS = {"protocol": "TCP"}


@cache
def _definitions() -> dict[str, Any]:
    schemas = resources.files("kubernetes_validate") / "kubernetes-json-schema" / "v1.37.0-local"
    found: dict[str, Any] = json.loads((schemas / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    return found


def _of(document: dict[str, Any]) -> dict[str, Any] | None:
    group, _, version = document["apiVersion"].rpartition("/")
    kind = {"group": group, "version": version, "kind": document["kind"]}
    return next(
        (one for one in _definitions().values() if kind in one.get("x-kubernetes-group-version-kind", ())),
        None,
    )


def twice(value: Any, schema: dict[str, Any] | None, path: str = "") -> Iterator[str]:
    """Name the items of lists that are there twice, as Kubernetes' schema tells one from another."""
    if schema and "$ref" in schema:
        schema = _definitions()[schema["$ref"].rpartition("/")[2]]
    if schema is None:
        return
    if isinstance(value, dict):
        for name, each in value.items():
            inside = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            yield from twice(each, inside if isinstance(inside, dict) else None, f"{path}/{name}")
    elif isinstance(value, list):
        keys = schema.get("x-kubernetes-list-map-keys")
        seen = [tuple(one.get(key, _DEFAULTS.get(key)) for key in keys) for one in value] if keys else []
        yield from (f"{path}: {one}" for one in sorted({*seen}, key=str) if seen.count(one) > 1)
        for index, one in enumerate(value):
            yield from twice(one, schema.get("items"), f"{path}/{index}")


@every_topology
def test_no_item_is_there_twice(file: Path) -> None:
    """In none of the documents that are rendered."""
    for document in rendered.of_base(file):
        assert [*twice(document, _of(document))] == [], document["metadata"]["name"]


@pytest.mark.parametrize("case", sorted(CASES.glob("*.out.yaml")), ids=lambda case: case.name)
def test_injection_makes_no_item_twice(case: Path) -> None:
    """Beside what the user wrote: a variable, a mount, a volume."""
    for document in rendered.documents(case.read_text(encoding="utf-8")):
        if document:
            assert [*twice(document, _of(document))] == []


def test_one_that_is_there_twice_is_found() -> None:
    """So that the two above can fail: deep inside, and by a key that is left out."""
    container = {"name": "a", "ports": [{"containerPort": 1}, {"containerPort": 1, "protocol": "TCP"}]}
    spec = {"template": {"spec": {"containers": [container], "volumes": [{"name": "v"}, {"name": "v"}]}}}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
    assert [*twice(document, _of(document))] == [
        "/spec/template/spec/containers/0/ports: (1, 'TCP')",
        "/spec/template/spec/volumes: ('v',)",
    ]
