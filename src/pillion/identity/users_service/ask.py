"""Asks the users service about an email address and a password, over HTTP.

All questions go through one event loop: there the limit for the whole of an answer holds, however slowly it
comes, or a name is looked up.
"""

import hashlib
import hmac
import json
import ssl
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx

from pillion.identity import event_loop, outgoing
from pillion.identity.config import Users
from pillion.identity.outgoing import TooLongError
from pillion.identity.users_service.person import AnswerError, Person, read

# The contract's name; what is in it is docs/users-service.md's.
SIGNATURE_HEADER: Final = "Pillion-Signature"
CONNECT_SECONDS: Final = 1.0
WHOLE_SECONDS: Final = 3.0
MOST_BYTES: Final = 64 * 1024


class UnavailableError(Exception):
    """The service did not say whether the password is right; the message says why, for the log."""


def ask(users: Users, email: str, password: str) -> Person | None:
    """Give the person if the password is theirs, None if it is not; raises UnavailableError."""
    return event_loop.run(_ask(users, email, password))


def signature(secret: str, now: int, body: bytes) -> str:
    """Sign a body at a time, in seconds since the epoch: whoever has the secret can tell when it was sent."""
    signed = hmac.digest(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hex()
    return f"t={now},v1={signed}"


async def _ask(users: Users, email: str, password: str) -> Person | None:
    body = json.dumps({"email": email, "password": password}).encode()
    headers = {"content-type": "application/json"}
    if users.secret is not None:
        headers[SIGNATURE_HEADER] = signature(users.secret, int(time.time()), body)
    try:
        status, content = await outgoing.exchange(
            _client(users),
            "POST",
            users.url,
            seconds=WHOLE_SECONDS,
            most_bytes=MOST_BYTES,
            headers=headers,
            content=body,
        )
    except (TimeoutError, httpx.TimeoutException):
        raise UnavailableError(f"no answer within {WHOLE_SECONDS:g} s") from None
    except (TooLongError, *outgoing.FAILURES) as error:
        raise UnavailableError(str(error) or type(error).__name__) from None
    if status == httpx.codes.UNAUTHORIZED:
        return None
    if status != httpx.codes.OK:
        raise UnavailableError(f"its answer is {status}")
    try:
        return read(content)
    except AnswerError as error:
        raise UnavailableError(f"its answer is not what docs/users-service.md asks for: {error}") from None


def _client(users: Users) -> httpx.AsyncClient:
    """Give the client for the certificates as they are now: short-lived ones are replaced while identity runs."""
    files = (users.authority, users.certificate, users.key)
    return _client_of(users, tuple(file and _version(file) for file in files))


@lru_cache(maxsize=1)
def _client_of(users: Users, _: tuple[object, ...]) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=users.authority)
    if users.certificate is not None:
        context.load_cert_chain(users.certificate, users.key)
    return outgoing.client(
        seconds=WHOLE_SECONDS,
        connect_seconds=CONNECT_SECONDS,
        by_proxy=False,  # it would be told the password
        tls=context,
    )


def _version(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
