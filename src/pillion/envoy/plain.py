"""A message as what YAML is made of, by protobuf's rules for JSON.

The same as `message.to_dict(casing=str)` gives, a hundred times as fast: that looks every field's type up anew in
every message, and parses what was packed a moment ago. What is packed in an `Any` stands in file after file.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

import betterproto2
from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    ClusterCustomClusterType,
    OutlierDetection,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpFilter,
    ResponseMapper,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import SdsSecretConfig, TlsParameters
from envoy_data_plane.google import protobuf

from pillion.envoy.packed import Packed
from pillion.yaml_writer import Kept

_Convert = Callable[[Any], Any]

# Of these, those that a cache holds stand in every Envoy's files; none changes once it is made.
_SHARED: Final = (
    CircuitBreakers,
    ClusterCustomClusterType,
    HttpFilter,
    OutlierDetection,
    ResponseMapper,
    SdsSecretConfig,
    TlsParameters,
)
_REMEMBERED: Final[dict[int, tuple[betterproto2.Message, Kept]]] = {}
_MANY: Final = 1024

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
    if isinstance(message, Packed):
        if message.kept is None:
            message.kept = _with_type(message.type_url, message.message)
        return message.kept
    if isinstance(message, protobuf.Any):
        return _unpacked(message.type_url, message.value)
    if not _is_mapping(type(message)):
        # As the field is called: Casing.SNAKE makes `5_xx` of `5xx`, and Envoy overlooks what it does not know.
        return message.to_dict(casing=str)  # type: ignore[arg-type]
    return _remembered(message) if isinstance(message, _SHARED) else _fields_of(message)


def _fields_of(message: betterproto2.Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, key, give in _fields(type(message)):
        value = getattr(message, name)
        # Nothing, zero, and the empty text: as if it were not there. A message is there, if empty.
        if value is not None and (written := give(value)) is not None:
            found[key] = written
    return found


def _remembered(message: betterproto2.Message) -> Kept:
    """Look whether it is the very object that was written before: messages have no hash."""
    found = _REMEMBERED.get(id(message))
    if found is None:
        if len(_REMEMBERED) >= _MANY:
            _REMEMBERED.clear()
        # With the message, so that nothing else has its identity meanwhile.
        found = _REMEMBERED[id(message)] = message, Kept(_fields_of(message))
    return found[1]


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
def _fields(kind: type[betterproto2.Message]) -> tuple[tuple[str, str, _Convert], ...]:
    """Give every field's attribute, name, and how its value is written: as None, when it is as good as not set."""
    types = kind._type_hints()  # noqa: SLF001 - to_dict's own, which asks for them each time
    described: Any = kind
    fields = described._betterproto.meta_by_field_name.items()  # noqa: SLF001
    return tuple((name, name.rstrip("_"), _field(meta, types[name])) for name, meta in fields)


def _field(meta: betterproto2.FieldMetadata, hint: Any) -> _Convert:
    if meta.repeated:
        one = _single(meta, hint.__args__[0])
        return lambda values: [one(each) for each in values] or None
    if meta.map_meta is not None:
        key, value = (_single(side, kind) for side, kind in zip(meta.map_meta, hint.__args__, strict=True))
        return lambda values: {key(name): value(each) for name, each in values.items()} or None
    if meta.optional:
        return _single(meta, hint.__args__[0])
    one = _single(meta, hint)
    if meta.proto_type == betterproto2.TYPE_MESSAGE:
        return one
    return lambda value: one(value) if value else None


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
