"""A message as what YAML is made of, by protobuf's rules for JSON.

The same as `message.to_dict(casing=str)` gives, a hundred times as fast: that looks every field's type up anew in
every message, and parses what was packed a moment ago. What is packed in an `Any` stands in file after file.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

import betterproto2
from envoy_data_plane.google import protobuf

from pillion.envoy.packed import Packed
from pillion.envoy.shared import once
from pillion.yaml_writer import Kept

_Convert = Callable[[Any], Any]

# 64 bits are more than a number of JSON's holds everywhere.
_AS_TEXT: Final = frozenset(
    {
        betterproto2.TYPE_INT64,
        betterproto2.TYPE_UINT64,
        betterproto2.TYPE_SINT64,
        betterproto2.TYPE_FIXED64,
        betterproto2.TYPE_SFIXED64,
    }
)


def plain(message: betterproto2.Message) -> dict[str, Any]:
    """Give the mapping that a message is; for one of protobuf's own, such as a duration, what that comes to."""
    written: dict[str, Any] = _way(type(message))(message)
    return written


@cache
def _way(kind: type[betterproto2.Message]) -> _Convert:
    """Say how messages of a kind are written; once, since their base is abstract, for which isinstance is slow."""
    if issubclass(kind, Packed):
        return _packed
    if issubclass(kind, protobuf.Any):
        return lambda message: _unpacked(message.type_url, message.value)
    if not _is_mapping(kind):
        # As the field is called: Casing.SNAKE makes `5_xx` of `5xx`, and Envoy overlooks what it does not know.
        return lambda message: message.to_dict(casing=str)
    return _mapping


def _packed(message: Packed) -> Kept:
    if message.kept is None:
        message.kept = _with_type(message.type_url, message.message)
    return message.kept


def _mapping(message: betterproto2.Message) -> dict[str, Any]:
    return once(message, _fields_of)


def _fields_of(message: betterproto2.Message) -> dict[str, Any]:
    values = vars(message)
    found: dict[str, Any] = {}
    for name, key, give, unless_empty in _fields(type(message)):
        value = values[name]
        # Nothing, zero, and the empty text: as if it were not there. A message is there, if empty.
        if value is None or (unless_empty and not value):
            continue
        found[key] = give(value)
    return found


@lru_cache(maxsize=1024)
def _unpacked(type_url: str, value: bytes) -> Kept:
    return _with_type(type_url, protobuf.Any(type_url=type_url, value=value).unpack())


def _with_type(type_url: str, message: betterproto2.Message | None) -> Kept:
    if message is None:
        return Kept({"@type": type_url})
    written = plain(message)
    return Kept({"@type": type_url} | (written if _is_mapping(type(message)) else {"value": written}))


@cache
def _is_mapping(kind: type[betterproto2.Message]) -> bool:
    return kind.to_dict is betterproto2.Message.to_dict


@cache
def _fields(kind: type[betterproto2.Message]) -> tuple[tuple[str, str, _Convert, bool], ...]:
    """Give every field's attribute, name, how it is written, and whether it is as good as not set when empty."""
    types = kind._type_hints()  # noqa: SLF001 - to_dict's own, which asks for them each time
    described: Any = kind
    fields = described._betterproto.meta_by_field_name.items()  # noqa: SLF001
    return tuple(
        (name, name.rstrip("_"), _field(meta, types[name]), _unless_empty(meta)) for name, meta in fields
    )


def _unless_empty(meta: betterproto2.FieldMetadata) -> bool:
    if meta.repeated or meta.map_meta is not None:
        return True
    return not meta.optional and meta.proto_type != betterproto2.TYPE_MESSAGE


def _field(meta: betterproto2.FieldMetadata, hint: Any) -> _Convert:
    if meta.repeated:
        one = _single(meta, hint.__args__[0])
        return lambda values: [*map(one, values)]
    if meta.map_meta is not None:
        key, value = (_single(side, kind) for side, kind in zip(meta.map_meta, hint.__args__, strict=True))
        return lambda values: {key(name): value(each) for name, each in values.items()}
    return _single(meta, hint.__args__[0] if meta.optional else hint)


def _single(meta: betterproto2.FieldMetadata, kind: Any) -> _Convert:
    """Say how one value of a field is written."""
    if meta.unwrap is not None:
        wrapper = meta.unwrap()
        return lambda value: _wrapped(wrapper, value)
    if meta.proto_type == betterproto2.TYPE_MESSAGE:
        return plain
    if meta.proto_type in _AS_TEXT:
        return str
    if meta.proto_type == betterproto2.TYPE_BYTES:
        return lambda value: b64encode(value).decode()
    if meta.proto_type == betterproto2.TYPE_ENUM:
        return lambda value: _enum(kind(value))
    return lambda value: value


@lru_cache(maxsize=1024)
def _wrapped(wrapper: Any, value: Any) -> Any:
    """Write a duration, or a number that may be left out."""
    return wrapper.from_wrapped(value).to_dict(casing=str)


def _enum(value: Any) -> Any:
    return value.proto_name or value.name or value.value
