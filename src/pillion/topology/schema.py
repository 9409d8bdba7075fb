"""The JSON Schema of pillion.yaml as the user writes it, for editors."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from pillion.topology.model import Topology

# Any text may be made of variables, whatever its own form: what it becomes, only `pillion check` can tell.
_VARIABLE: Final = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "A text with ${NAME} from the environment.",
}


def json_schema() -> dict[str, Any]:
    """Make the schema (JSON Schema, draft 2020-12)."""
    schema = Topology.model_json_schema(mode="validation", schema_generator=_AsWritten)
    definitions = {name: _tidy(part) for name, part in schema.pop("$defs").items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pillion.yaml",
        **_tidy(schema),
        "$defs": {**definitions, "Variable": _VARIABLE},
    }


class _AsWritten(GenerateJsonSchema):
    def default_schema(self, schema: Any) -> Any:
        """Leave defaults out: they are values of the model, and each description names its own."""
        return self.generate_inner(schema["schema"])


def _tidy(schema: Any) -> Any:
    """Drop titles made of names, and null, which a model may hold but no file; let texts hold variables."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"title", "anyOf"}}
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return _tidy({**choices[0], **rest})
    if rest.get("type") == "string" and rest.keys() & {"const", "enum", "pattern"}:
        about = {"description": rest.pop("description")} if "description" in rest else {}
        return {**about, "anyOf": [rest, {"$ref": "#/$defs/Variable"}]}
    # A key is never made of variables, and a property's name is no keyword.
    tidied = {key: value if key == "propertyNames" else _tidy(value) for key, value in rest.items()}
    if "properties" in rest:
        tidied["properties"] = {name: _tidy(value) for name, value in rest["properties"].items()}
    return tidied | ({"anyOf": _tidy(choices)} if choices else {})
