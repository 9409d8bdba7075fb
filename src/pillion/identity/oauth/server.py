"""Authlib's authorization server, with our grants and endpoints on it."""

from typing import Any, Final

from authlib.common.encoding import json_dumps
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidRequestError,
    OAuth2Error,
    UnsupportedGrantTypeError,
)
from django.http import HttpRequest, HttpResponse

from pillion.identity.models import OAuthClient
from pillion.identity.oauth import client_authentication, request
from pillion.identity.oauth.client_credentials import ClientCredentials
from pillion.identity.oauth.code_grant import CodeGrant, Pkce
from pillion.identity.oauth.device_grant import DeviceAuthorization, DeviceGrant
from pillion.identity.oauth.introspection import Introspection
from pillion.identity.oauth.refresh_grant import RefreshGrant
from pillion.identity.oauth.revocation import Revocation
from pillion.identity.oauth.token_exchange import TokenExchange

# What a client may be registered for.
GRANTS: Final = {
    grant.GRANT_TYPE: grant
    for grant in (CodeGrant, RefreshGrant, ClientCredentials, DeviceGrant, TokenExchange)
}


class UnknownGrantTypeError(UnsupportedGrantTypeError):  # type: ignore[misc]
    """In words of our own: Authlib's repeat what was sent."""

    def get_error_description(self) -> str:
        """Say what is wrong."""
        return "There is no such grant_type here."


class UnknownResponseTypeError(OAuth2Error):  # type: ignore[misc]
    """Likewise."""

    error = "unsupported_response_type"
    description = "The only response_type here is code."


class Server(AuthorizationServer):  # type: ignore[misc]
    """Between Authlib and Django; no state but what is registered at the import."""

    def query_client(self, client_id: str) -> OAuthClient | None:
        """Find a client."""
        return OAuthClient.objects.filter(client_id=client_id[:200]).first()

    def authenticate_client(self, asked: Any, methods: Any, endpoint: str = "token") -> OAuthClient:
        """Ask for the client's secret in our own way, which is stricter than Authlib's."""
        return client_authentication.authenticate(asked, methods, endpoint)

    def create_oauth2_request(self, asked: Any) -> request.Request:
        """Read a program's request; one that was read already stays as it is."""
        return asked if isinstance(asked, request.Request) else request.posted(asked)

    def get_token_grant(self, asked: Any) -> Any:
        """Find the grant."""
        try:
            return super().get_token_grant(asked)
        except UnsupportedGrantTypeError as error:
            raise UnknownGrantTypeError(error.grant_type) from None

    def get_authorization_grant(self, asked: Any) -> Any:
        """Find the grant; an error is for the client only where its redirect URI is trusted."""
        response_type = request.text(asked, "response_type")
        if response_type == "code":
            return super().get_authorization_grant(asked)
        client = self.query_client(request.text(asked, "client_id"))
        if client is None:
            raise InvalidRequestError("There is no such client.")
        there = CodeGrant.validate_authorization_redirect_uri(asked, client)
        if not response_type:
            raise InvalidRequestError("Send a response_type.", redirect_uri=there)
        raise UnknownResponseTypeError(redirect_uri=there)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def handle_response(self, status: int, body: Any, headers: Any) -> HttpResponse:
        """Answer with JSON, which nobody keeps (RFC 6749, section 5.1)."""
        response = HttpResponse(json_dumps(body) if isinstance(body, dict) else body, status=status)
        for name, value in headers:
            response[name] = value
        response["Cache-Control"] = "no-store"
        return response


def answer_program(http: HttpRequest, endpoint: str) -> HttpResponse:
    """Answer at the token endpoint, or at one of the others that programs call; errors as section 5.2 says."""
    try:
        asked = request.posted(http)
        if endpoint == TOKEN and not request.text(asked, "grant_type"):
            raise InvalidRequestError("Send a grant_type.")
    except OAuth2Error as error:
        return _open(server.handle_response(*error()))
    if endpoint == TOKEN:
        return _open(server.create_token_response(asked))
    return _open(server.create_endpoint_response(endpoint, asked))


def _open(response: HttpResponse) -> HttpResponse:
    """Let pages of other origins read it: no cookie counts here, and an app in a browser is a public client."""
    response["Access-Control-Allow-Origin"] = "*"
    return response


TOKEN: Final = "token"  # noqa: S105 - the name of an endpoint
server: Final = Server()
server.register_grant(CodeGrant, [Pkce()])
for _grant in (RefreshGrant, ClientCredentials, DeviceGrant, TokenExchange):
    server.register_grant(_grant)
for _endpoint in (DeviceAuthorization, Introspection, Revocation):
    server.register_endpoint(_endpoint)
