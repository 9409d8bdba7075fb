"""Objects of JSON as messages (google.protobuf.Struct), for the bodies and log lines that Envoy fills in."""

from collections.abc import Mapping

from envoy_data_plane.google.protobuf import NullValue, Struct, Value

from pillion.envoy.shared import shared


def struct(fields: Mapping[str, str | None]) -> Struct:
    """Give an object of texts, and of nulls."""
    return Struct(fields={name: _value(text) for name, text in fields.items()})


@shared
def _value(text: str | None) -> Value:
    return Value(null_value=NullValue.NULL_VALUE) if text is None else Value(string_value=text)
