"""What all sections of the topology are: frozen, and without a key that is not known."""

from pydantic import BaseModel, ConfigDict, WithJsonSchema


def text_schema(**rules: str | list[str]) -> WithJsonSchema:
    """Say in the JSON Schema what a text looks like."""
    return WithJsonSchema({"type": "string", **rules})


class Section(BaseModel):
    """A mapping of the file."""

    # hide_input_in_errors: a value may have come from the environment and be a secret.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )
