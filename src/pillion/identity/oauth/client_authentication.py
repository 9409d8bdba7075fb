"""How a client proves to be itself: its secret in the header or in the body, or none if it is public.

A service of the mesh in a pod does by the certificate that it shows to the Envoy beside identity, and whatever it
sends for a secret does not count. From there others come by the edge alone.
"""

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from pillion.identity import limits, workloads
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import clients, service_accounts
from pillion.identity.oauth.request import Request, text
from pillion.identity.refusal import Refusal

METHODS: Final = ("client_secret_basic", "client_secret_post")
ALL_METHODS: Final = (*METHODS, "none")

# RFC 7617, section 2: one space, base64.
_BASIC: Final = re.compile(r"[Bb]asic +([A-Za-z0-9+/=]{1,1000})")
# What the column holds; PostgreSQL knows no NUL.
_CLIENT_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_REALM: Final = 'Basic realm="oauth2", charset="UTF-8"'


class TooManyFailuresError(InvalidClientError):  # type: ignore[misc]
    """Wrong secrets, more than a program has any reason to send."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__("Too many failures. Try again later.", status_code=429)
        self.wait = refusal.headers["Retry-After"]

    def get_headers(self) -> list[tuple[str, str]]:
        """Say how long to wait."""
        return [*super().get_headers(), ("Retry-After", self.wait)]


class WrongClientError(InvalidClientError):  # type: ignore[misc]
    """In the same words whether there is no such client or its secret is wrong (RFC 6749, section 5.2)."""

    def get_headers(self) -> list[tuple[str, str]]:
        """Name the scheme where the client used it."""
        headers = [pair for pair in super().get_headers() if pair[0].lower() != "www-authenticate"]
        return [*headers, ("WWW-Authenticate", _REALM)] if self.status_code == 401 else headers  # noqa: PLR2004


def authenticate(request: Request, methods: Any, endpoint: str = "token") -> OAuthClient:
    """Give the client that sent the request, by one of `methods`.

    Raises InvalidClientError; InvalidRequestError for more than one method in one request, as RFC 6749, section
    2.3, asks. A secret has 256 bits, so that failures are limited for the sake of the log and the processor alone,
    and nobody who knows it is ever kept waiting.
    """
    header = request.headers.get("Authorization")
    posted = text(request, "client_secret")
    if header is not None and posted:
        raise InvalidRequestError("Use one way to authenticate, not two.")
    if header is not None:
        method, (client_id, secret) = "client_secret_basic", _basic(header)
        if text(request, "client_id") not in {"", client_id}:
            raise InvalidRequestError("The client_id is another one in the header.")
    else:
        method = "client_secret_post" if posted else "none"
        client_id, secret = text(request, "client_id"), posted
    client = _find(client_id)
    if (
        client is not None
        and method in methods
        and client.check_endpoint_auth_method(method, endpoint)
        and _proves(request, client, method, secret)
    ):
        request.auth_method = method
        return client
    try:
        limits.fail_client(request.django)
    except Refusal as refusal:
        raise TooManyFailuresError(refusal) from None
    raise WrongClientError(
        "The client is unknown, or has not authenticated as it must.",
        status_code=400 if header is None else 401,  # a 401 makes a browser ask its user for a password
    )


def _proves(request: Request, client: OAuthClient, method: str, secret: str) -> bool:
    if workloads.are_certified():
        environ = request.django.META
        if service_accounts.is_one(client.client_id):
            return workloads.sender(environ) == client.client_id
        if not workloads.is_edge(environ):
            return False
    return method == "none" or client.check_client_secret(secret)


def _find(client_id: str) -> OAuthClient | None:
    if not _CLIENT_ID.fullmatch(client_id):
        return None
    if service_accounts.is_one(client_id):
        return service_accounts.find(client_id)
    return clients.find(client_id)


def _basic(header: str) -> tuple[str, str]:
    """Read `Basic` (RFC 7617), in which both are form-encoded (RFC 6749, section 2.3.1)."""
    found = _BASIC.fullmatch(header)
    try:
        given = base64.b64decode(found[1], validate=True).decode("ascii") if found else ""
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    client_id, _, secret = given.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
