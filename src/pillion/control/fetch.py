"""One fetch of a key set, over HTTPS; what answers is not believed to be well-meaning."""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

from pillion.control.issuer_keys import KeysError, parse

# How long a set counts as fresh, in seconds, where its issuer does not say, and at least and at most where it
# does: a key that the issuer takes out is out here after that.
FRESH_SECONDS: Final = 300
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 900
# For all of an answer.
FETCH_SECONDS: Final = 10
MOST_BYTES: Final = 256 * 1024

_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:$|[,\s])", re.IGNORECASE)
# RFC 7517, section 8.5.1; compressed, a short answer could be a very long one.
_HEADERS: Final = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}

# It says of every request that there was one.
logging.getLogger("httpx").setLevel(logging.WARNING)


async def fetch(url: str) -> tuple[tuple[Mapping[str, Any], ...], float]:
    """Give the usable keys at `url`, and for how many seconds they are fresh; raises KeysError.

    A redirect is not followed: whoever can make one would choose the keys.
    """
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(verify=ssl.create_default_context(), timeout=FETCH_SECONDS) as client,
            client.stream("GET", url, headers=_HEADERS) as answer,
        ):
            return parse(await _body(answer)), _fresh(answer.headers.get("cache-control", ""))
    except (TimeoutError, httpx.TimeoutException):
        raise KeysError(f"no answer within {FETCH_SECONDS} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        raise KeysError(str(error) or type(error).__name__) from None


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise KeysError(f"the answer is {answer.status_code}")
    body = b""
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MOST_BYTES:
            raise KeysError(f"the answer is longer than {MOST_BYTES} bytes")
    return body


def _fresh(cache_control: str) -> float:
    said = _MAX_AGE.search(cache_control)
    return float(min(max(int(said[1]) if said else FRESH_SECONDS, SHORTEST_SECONDS), LONGEST_SECONDS))
