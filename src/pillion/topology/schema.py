"""The JSON Schema of pillion.yaml as the user writes it, for editors."""

from typing import Any, Final

from pillion.topology.model import Topology

# Any text may be made of variables, whatever its own form: what it becomes, only `pillion check` can tell.
_VARIABLE: Final = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "a value with ${NAME} from the environment",
}


def json_schema() -> dict[str, Any]:
    """Make the schema (JSON Schema, draft 2020-12)."""
    schema = Topology.model_json_schema(mode="validation")
    result: dict[str, Any] = _with_variables(schema)
    result["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    result["$defs"]["Variable"] = _VARIABLE
    return result


def _with_variables(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "const" in schema or "enum" in schema or "pattern" in schema:
        about = {key: schema.pop(key) for key in ("description", "default", "title") if key in schema}
        return {**about, "anyOf": [schema, {"$ref": "#/$defs/Variable"}]}
    return {key: _with_variables(value) for key, value in schema.items()}
