"""A message in an `Any` whose bytes are made when somebody asks: files need none, only what streams them does."""

from typing import TYPE_CHECKING, Final

import betterproto2
from envoy_data_plane.google.protobuf import Any
from envoy_data_plane.message_pool import default_message_pool

if TYPE_CHECKING:
    from pillion.yaml_writer import Kept


def pack(message: betterproto2.Message) -> Any:
    """Put a message, which must not change any more, where one of any type may stand."""
    return Packed(message)


class Packed(Any):
    """An `Any` that has its message still; `kept` is for `plain`, which works out once what that is in YAML."""

    def __init__(self, message: betterproto2.Message) -> None:
        self.message: Final = message
        self.kept: Kept | None = None

    @property
    def type_url(self) -> str:  # type: ignore[override]  # a field, in place of which this is worked out
        """Name the message's type."""
        return default_message_pool.type_to_url[type(self.message)]

    @property
    def value(self) -> bytes:  # type: ignore[override]
        """Give the message's bytes."""
        return bytes(self.message)

    def __bytes__(self) -> bytes:
        return bytes(Any(type_url=self.type_url, value=self.value))
