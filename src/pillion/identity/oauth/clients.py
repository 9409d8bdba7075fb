"""A client as it is read at each authentication."""

from typing import Final

from pillion.identity.models import OAuthClient
from pillion.identity.sql import Joined, table

_NEEDED: Final = (
    "client_id",
    "name",
    "secret_hash",
    "first_party",
    "grant_types",
    "redirect_uris",
    "scopes",
    "audiences",
    "roles",
    "backchannel_logout_uri",
)
_BY_ID: Final = Joined(f"FROM {table(OAuthClient)} c WHERE c.client_id = %s", c=(OAuthClient, _NEEDED))


def find(client_id: str) -> OAuthClient | None:
    """Find a client by its id, which holds no NUL."""
    found = _BY_ID.first(client_id)
    client: OAuthClient | None = found[0] if found else None
    return client
