"""One request to a provider: by https, in bounded time and size, and to nowhere else than was asked.

How a client secret travels: none of this follows a redirect, and plain http is for this machine alone.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from django.db import close_old_connections

from pillion.identity import event_loop, outgoing
from pillion.identity.outgoing import TooLongError
from pillion.identity.providers.failures import ProviderAwayError, ProviderError

CONNECT_SECONDS: Final = 3.0
# For all of an answer.
WHOLE_SECONDS: Final = 5.0
MOST_BYTES: Final = 256 * 1024
# The others of the server's threads are for those who ask nobody (`turn.THREADS`).
MOST_AT_ONCE: Final = 24

_VISIBLE: Final = re.compile("[!-~]{1,2000}", re.ASCII)
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429
_room: Final = BoundedSemaphore(MOST_AT_ONCE)


def usable(url: str, *, like: str) -> str:
    """Give the address back if it may be asked; raises ProviderError.

    By https, or on this machine where the provider (`like`) is there, too: whoever answers for the provider is not
    to lead us to what else listens here.
    """
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        whole = False
    if not whole or not _VISIBLE.fullmatch(url):
        raise ProviderError("an address that it names is none")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_here(url) and _is_plain(like)):
        return url
    raise ProviderError("an address that it names is not https")


def document(  # noqa: PLR0913 - what a request consists of
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    user: tuple[str, str] | None = None,
    also: frozenset[int] = frozenset(),
) -> Any:
    """Ask, and give the JSON of the answer. Raises ProviderAwayError or ProviderError.

    `form` is posted, `user` is id and secret for HTTP Basic; `also` are statuses that are answers besides 200.
    """
    status, content = _answer(method, url, form=form, headers=headers or {}, user=user)
    if status >= _SERVER_ERROR or status == _TOO_MANY:
        raise ProviderAwayError(f"its answer is {status}")
    if status != httpx.codes.OK and status not in also:
        raise ProviderError(f"its answer is {status}")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ProviderError("its answer is not JSON") from None


def _answer(method: str, url: str, **how: Any) -> tuple[int, bytes]:
    close_old_connections()  # of a pool: a renewal may use it, while the provider takes its time
    if not _room.acquire(blocking=False):
        raise ProviderAwayError("too many wait for providers already")
    try:
        return event_loop.run(_ask(method, url, **how))
    finally:
        _room.release()


async def _ask(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str],
    user: tuple[str, str] | None,
) -> tuple[int, bytes]:
    try:
        return await outgoing.exchange(
            _client(plain=_is_plain(url)),
            method,
            url,
            seconds=WHOLE_SECONDS,
            most_bytes=MOST_BYTES,
            headers={"user-agent": "Pillion", **headers},  # GitHub wants to be told who asks
            data=form,
            auth=None if user is None else httpx.BasicAuth(*user),
        )
    except TooLongError as error:
        raise ProviderError(str(error)) from None
    except (TimeoutError, httpx.TimeoutException):
        raise ProviderAwayError(f"no answer within {WHOLE_SECONDS:g} s") from None
    except httpx.TransportError as error:
        raise ProviderAwayError(f"it cannot be reached: {type(error).__name__}") from None
    except outgoing.FAILURES as error:
        raise ProviderError(f"it cannot be asked: {type(error).__name__}") from None


@lru_cache(maxsize=2)
def _client(*, plain: bool) -> httpx.AsyncClient:
    """Give the client; out to the network it goes by the proxy of the environment, which sees nothing of TLS."""
    return outgoing.client(seconds=WHOLE_SECONDS, connect_seconds=CONNECT_SECONDS, by_proxy=not plain)


def _is_plain(url: str) -> bool:
    return url.startswith("http://")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
