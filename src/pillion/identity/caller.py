"""From where somebody calls, as the edge saw it: nobody else reaches identity."""

import ipaddress
from functools import lru_cache
from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest

# All who come without an address that can be read share one limit.
NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - not bound to


def address(request: HttpRequest) -> str:
    """Give the caller's address: the last of X-Forwarded-For, which the edge adds."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return _read(forwarded or request.META.get("REMOTE_ADDR") or "")


def network(request: HttpRequest) -> str:
    """Give the caller's network, which counts as one: of IPv6 a /64."""
    return network_of(address(request))


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Give the network of an address."""
    return str(ratelimit.truncate_ip(address))


@lru_cache(maxsize=1024)
def _read(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return NO_ADDRESS
    # A zone (RFC 4007, section 11) names an interface, in any length and letters.
    return str(address).partition("%")[0]
