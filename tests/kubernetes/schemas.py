"""Kubernetes' own schemas, and whether a document is right by those of a version.

They are kubernetes-validate's; its own `validate` reads megabytes anew for every document.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, Final

import jsonschema_rs

# The three newest that kubernetes-validate has.
VERSIONS: Final = ("1.35", "1.36", "1.37")


def validate(document: dict[str, Any], version: str) -> None:
    """Find a document right, strictly: a key that the schema does not name is an error.

    Raises jsonschema_rs.ValidationError; FileNotFoundError for a kind that Kubernetes does not have.
    """
    _validator(document["kind"], document["apiVersion"], version).validate(document)


@cache
def _validator(kind: str, api_version: str, version: str) -> jsonschema_rs.Draft202012Validator:
    """Compile a kind's schema; that of rbac.authorization.k8s.io/v1's Role lies in role-rbac-v1.json."""
    group, slash, of_group = api_version.rpartition("/")
    name = f"{kind.lower()}-{group.partition('.')[0]}{'-' if slash else ''}{of_group}.json"
    return jsonschema_rs.Draft202012Validator(_read(version, name), registry=_definitions(version))


@cache
def _definitions(version: str) -> jsonschema_rs.Registry:
    content = _read(version, "_definitions.json")
    return jsonschema_rs.Registry([(content["$id"], content)])


def _read(version: str, name: str) -> Any:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    return json.loads((folder / name).read_text(encoding="utf-8"))
