"""Hold a request for identity back until all of its body is there.

Identity gives every request a thread. A caller that sends its body a byte at a time would hold one for as long
as it likes (CWE-400); an Envoy holds thousands of such callers for nothing. Services get bodies as they come.
"""

from typing import Final

from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import Buffer, BufferPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as Packed

from pillion import vocabulary
from pillion.envoy.filters.http_filter import http_filter

_NAME: Final = "pillion.whole-body"


def whole_body() -> HttpFilter:
    """Stand in the chain, off but for the routes that ask for it."""
    held = http_filter(_NAME, _buffer())
    held.disabled = True
    return held


def wait_for_body() -> dict[str, Packed]:
    """Give the configuration of a route that wants bodies whole; one that is too long is answered with 413."""
    return {_NAME: Packed.pack(BufferPerRoute(buffer=_buffer()))}


def _buffer() -> Buffer:
    return Buffer(max_request_bytes=vocabulary.IDENTITY_BODY_BYTES)
