"""Say who is calling where another issuer's token was verified; see trusted_caller.lua.

Its users are called `NAME:USER`, so that none can pass for one of ours. Lua, because no native filter joins a list
or follows a path of claims; a token of our own passes it by.
"""

from collections.abc import Iterable, Iterator

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion import vocabulary
from pillion.envoy.filters.conditional import only_without
from pillion.envoy.filters.lua import script
from pillion.envoy.trusted import payload_key
from pillion.plan.model import Issuer, Verification


def trusted_caller(verification: Verification) -> Iterator[HttpFilter]:
    """Make the filter, if other issuers are trusted."""
    if not verification.trusted:
        return
    constants = {
        "USER_HEADER": _text(vocabulary.USER_HEADER),
        "EMAIL_HEADER": _text(vocabulary.EMAIL_HEADER),
        "ROLES_HEADER": _text(vocabulary.ROLES_HEADER),
        "JTI_HEADER": _text(vocabulary.JTI_HEADER),
        "ISSUERS": _list(map(_issuer, verification.trusted)),
    }
    yield only_without(
        vocabulary.USER_HEADER, "pillion.trusted-caller", script("trusted_caller.lua", constants)
    )


def _issuer(issuer: Issuer) -> str:
    claims = {"user": issuer.user, "email": issuer.email, "roles": issuer.roles}
    fields = {
        "name": _text(issuer.name),
        "payload": _text(payload_key(issuer.name)),
        **{name: _list(map(_text, path)) for name, path in claims.items() if path is not None},
    }
    return _list(f"{name} = {value}" for name, value in fields.items())


def _list(items: Iterable[str]) -> str:
    return "{ " + ", ".join(items) + " }"


def _text(value: str) -> str:
    """Quote what the topology has let through: names, headers and claims, in none of which is a quote."""
    return f'"{value}"'
