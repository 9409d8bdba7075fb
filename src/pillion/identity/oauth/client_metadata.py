"""What a client is to be: judged, and as its row has it (RFC 7591, section 2, calls it client metadata)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from pillion.identity.accounts import InvalidAccountError, checked_roles
from pillion.identity.oauth import redirect_uri, scopes
from pillion.identity.oauth.server import GRANTS

# What each grant is called at the command line: its own name, or the last part of its URN.
GRANT_NAMES: Final = {grant.rpartition(":")[2].replace("-", "_"): grant for grant in GRANTS}
_AUDIENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/?\[\]@!$&'()*+;=%-]{0,254}")
_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Wanted:
    """What a client is to be; nothing named means what is usual."""

    name: str
    public: bool = False
    first_party: bool = False
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""


def columns(wanted: Wanted) -> dict[str, Any]:
    """Give what a client's row says of it; raises InvalidAccountError for the first thing that cannot be."""
    grants = _grants(wanted)
    _check(wanted, grants)
    return {
        "name": wanted.name.strip(),
        "first_party": wanted.first_party,
        "grant_types": grants,
        "redirect_uris": list(wanted.redirect_uris),
        "scopes": list(dict.fromkeys(wanted.scopes or scopes.DEFAULT)),
        "audiences": list(dict.fromkeys(wanted.audiences or (settings.PILLION.mesh,))),
        "roles": checked_roles(wanted.roles),
        "post_logout_redirect_uris": list(wanted.post_logout_redirect_uris),
        "backchannel_logout_uri": wanted.backchannel_logout_uri,
    }


def _grants(wanted: Wanted) -> list[str]:
    """Give the grants by their own names: those of an app that people sign in to, if none is named."""
    named = wanted.grants or (
        ("authorization_code", "refresh_token") if wanted.redirect_uris else ("client_credentials",)
    )
    for name in named:
        if name not in GRANT_NAMES:
            raise InvalidAccountError(f"'{name}' is no grant: there are {', '.join(GRANT_NAMES)}")
    return [GRANT_NAMES[name] for name in dict.fromkeys(named)]


def _check(wanted: Wanted, grants: list[str]) -> None:
    """Raise InvalidAccountError for the first thing that cannot be."""
    if not wanted.name.strip() or len(wanted.name) > _LONGEST_NAME or not wanted.name.isprintable():
        raise InvalidAccountError(f"a client's name is 1 to {_LONGEST_NAME} characters that can be seen")
    back = wanted.backchannel_logout_uri
    _check_uris("--redirect-uri", wanted.redirect_uris)
    _check_uris("--post-logout-redirect-uri", wanted.post_logout_redirect_uris)
    _check_uris("--backchannel-logout-uri", (back,) if back else ())
    for scope in wanted.scopes:
        if not scopes.SCOPE.fullmatch(scope):
            raise InvalidAccountError(f"'{scope}' is no scope: use 1 to 64 of a-z, A-Z, 0-9 and ._:/-")
    for audience in wanted.audiences:
        if not _AUDIENCE.fullmatch(audience):
            raise InvalidAccountError(f"'{audience}' is no audience: name the mesh, or a URI of the API")
    acts = {GRANT_NAMES["client_credentials"], GRANT_NAMES["token_exchange"]} & set(grants)
    with_code = GRANT_NAMES["authorization_code"] in grants
    mistakes = {
        "say where people are sent back to, by --redirect-uri": with_code and not wanted.redirect_uris,
        "--redirect-uri goes with the grant authorization_code": wanted.redirect_uris and not with_code,
        "--backchannel-logout-uri must be http or https": back and not back.startswith("http"),
        "a public client cannot prove who it is, and so not act for itself": wanted.public and acts,
        "--role is for a client that acts for itself: --grant client_credentials": (
            wanted.roles and GRANT_NAMES["client_credentials"] not in grants
        ),
    }
    for said, wrong in mistakes.items():
        if wrong:
            raise InvalidAccountError(said)


def _check_uris(what: str, uris: Iterable[str]) -> None:
    for uri in uris:
        if wrong := redirect_uri.mistake(uri):
            raise InvalidAccountError(f"{what} {uri}: {wrong}")
