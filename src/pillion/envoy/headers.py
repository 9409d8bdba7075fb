"""Headers as Envoy is told to set them."""

from envoy_data_plane.envoy.config.core.v3 import (
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
)

from pillion.envoy.shared import shared


def overwrite(name: str, value: str) -> HeaderValueOption:
    """Set the header, in place of any that is there; `value` may hold Envoy's format commands."""
    return _option(name, value, HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)


def add_if_absent(name: str, value: str) -> HeaderValueOption:
    """Set the header where there is none."""
    return _option(name, value, HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT)


def append(name: str, value: str) -> HeaderValueOption:
    """Set the header beside any that is there."""
    return _option(name, value, HeaderValueOptionHeaderAppendAction.APPEND_IF_EXISTS_OR_ADD)


@shared
def _option(name: str, value: str, action: HeaderValueOptionHeaderAppendAction) -> HeaderValueOption:
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)
