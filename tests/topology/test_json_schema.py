"""The schema says of a file's shape what the reader says."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from pillion.topology import json_schema

HERE: Final = Path(__file__).parent
SCHEMA: Final = json_schema()
TYPES: Final = {"string": str, "object": dict, "array": list, "boolean": bool, "integer": int}
# Cases whose mistake a schema can see; in the others it lies between values, or in the text of one.
SHAPES: Final = (
    *("unknown-key", "missing-key", "wrong-type", "empty-list", "duplicate-item", "no-services"),
    "unknown-value",
)
# The keywords that our schema uses (JSON Schema, draft 2020-12), but those that lead to other schemas.
SIMPLE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "type": lambda rule, value: isinstance(value, TYPES[rule]),
    "const": lambda rule, value: bool(value == rule),
    "enum": lambda rule, value: value in rule,
    "pattern": lambda rule, value: not isinstance(value, str) or bool(re.search(rule, value)),
    "minItems": lambda rule, value: not isinstance(value, list) or len(value) >= rule,
    "minProperties": lambda rule, value: not isinstance(value, dict) or len(value) >= rule,
    "required": lambda rule, value: not isinstance(value, dict) or set(rule) <= value.keys(),
    "uniqueItems": lambda _, value: (
        not isinstance(value, list) or not any(v in value[:i] for i, v in enumerate(value))
    ),
    "anyOf": lambda rule, value: any(_fits(choice, value) for choice in rule),
    "not": lambda rule, value: not _fits(rule, value),
}
LEADING_ON: Final = {
    "$ref",
    "items",
    "properties",
    "propertyNames",
    "patternProperties",
    "additionalProperties",
}
SILENT: Final = {"$schema", "$defs", "title", "description"}


def _fits(schema: dict[str, Any], value: Any) -> bool:
    return not list(_mistakes(schema, value))


def _mistakes(schema: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """Say what of `value` the schema refuses; fail if it uses a keyword that is not known here."""
    assert schema.keys() <= SIMPLE.keys() | LEADING_ON | SILENT
    yield from (
        f"{at}: {k} {rule}" for k, rule in schema.items() if k in SIMPLE and not SIMPLE[k](rule, value)
    )
    if "$ref" in schema:
        yield from _mistakes(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, at)
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _mistakes(schema.get("items", {}), item, f"{at}[{i}]")
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _mistakes_of_key(schema, key, part, f"{at}.{key}")


def _mistakes_of_key(schema: dict[str, Any], key: str, part: Any, at: str) -> Iterator[str]:
    yield from _mistakes(schema.get("propertyNames", {}), key, at)
    rules = [schema["properties"][key]] if key in schema.get("properties", {}) else []
    rules += [
        rule for pattern, rule in schema.get("patternProperties", {}).items() if re.search(pattern, key)
    ]
    for rule in rules:
        yield from _mistakes(rule, part, at)
    if not rules and schema.get("additionalProperties") is False:
        yield f"{at}: unknown"


def _parsed(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_every_good_file(path: Path) -> None:
    assert list(_mistakes(SCHEMA, _parsed(path))) == []


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted((HERE / "cases").glob("*.yaml"))
        if path.name.partition(".")[0] in SHAPES
        and path.stem != "unknown-key.merge"  # which ruamel.yaml resolves
    ],
    ids=lambda path: path.stem,
)
def test_the_schema_refuses_what_has_the_wrong_shape(path: Path) -> None:
    assert list(_mistakes(SCHEMA, _parsed(path)))


@pytest.mark.parametrize("name", ["edge", "identity", "control", "localhost", "Orders", "a_b", "-a"])
def test_the_schema_refuses_names_that_no_service_can_have(name: str) -> None:
    topology = {"mesh": "shop", "services": {name: {"app": "127.0.0.1:7001"}}}
    assert list(_mistakes(SCHEMA, topology))


def test_every_key_is_described() -> None:
    models = [SCHEMA, *(part for name, part in SCHEMA["$defs"].items() if name != "Variable")]
    for model in models:
        for name, rule in model["properties"].items():
            about = (
                rule.get("description")
                or SCHEMA["$defs"][rule["$ref"].removeprefix("#/$defs/")]["description"]
            )
            assert about.endswith("."), name
