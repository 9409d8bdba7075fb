"""Other things that identity gives out, shown in place of an access token (RFC 8725, section 2.8)."""

from collections.abc import Callable
from typing import Final

from pillion.attack import people
from pillion.attack.bearing import by_token, good_token
from pillion.attack.outcome import CannotBeTriedError, Family
from pillion.attack.target import Target
from pillion.vocabulary import API_KEY_PREFIX

_KINDS: Final = "RFC 8725, section 2.8; RFC 9068, section 5"
_LOGOUT_SECONDS: Final = 4.0


def _of_a_grant(name: str) -> Callable[[Target], str]:
    return lambda target: people.tokens(target)[name]


def _code(target: Target) -> str:
    return people.grant(target, people.sign_in(target))[0]


def _session(target: Target) -> str:
    return people.sign_in(target).session


def _secret(target: Target) -> str:
    return target.client.secret


def _logout_token(target: Target) -> str:
    """Sign somebody out whom our client acts for; it is told so by a logout token."""
    browser = people.sign_in(target)
    people.exchanged(target, *people.grant(target, browser))
    target.bait.heard.clear()
    people.sign_out(target, browser)
    if not target.bait.heard.wait(_LOGOUT_SECONDS):
        raise CannotBeTriedError("our client was sent no logout token")
    return target.bait.told[-1]["logout_token"]


def _api_key(_: Target) -> str:
    return f"{API_KEY_PREFIX}{'A' * 43}"


FAMILY: Final = Family(
    "other kinds of token",
    good_token,
    (
        by_token(
            "an ID token", _KINDS, "an ID token of the user's, signed by the mesh", _of_a_grant("id_token")
        ),
        by_token(
            "a logout token",
            "OpenID Connect Back-Channel Logout 1.0, section 2.4; RFC 8725, section 2.8",
            "a logout token, signed by the mesh",
            _logout_token,
        ),
        by_token("a refresh token", _KINDS, "a refresh token as access token", _of_a_grant("refresh_token")),
        by_token("an authorization code", _KINDS, "a code as access token", _code),
        by_token("a session's cookie", _KINDS, "the value of a session's cookie as access token", _session),
        by_token("a client's secret", _KINDS, "our client's secret as access token", _secret),
        by_token("an API key of nobody's", "CWE-1390", "an API key that was never made", _api_key),
    ),
)
