"""Codes and refresh tokens in the wrong hands, or used twice."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pillion.attack import jose, people, wire
from pillion.attack.families.sessions import until_refused
from pillion.attack.outcome import Attack, Family, Outcome, held, through, unclear, worst
from pillion.attack.people import Request
from pillion.attack.target import Target
from pillion.attack.wire import Answer
from pillion.vocabulary import INTROSPECT_PATH

_REUSED: Final = "RFC 9700, section 4.14; RFC 6819, section 5.2.2.3"
_CODE: Final = "RFC 6749, section 4.1.2; RFC 9700, section 4.5"
_PKCE: Final = "RFC 7636; RFC 9700, section 4.8"
_CLIENT: Final = "RFC 6749, section 3.2.1; CWE-287"
_OLD: Final = "RFC 9700, section 2"


def _control(target: Target) -> str | None:
    found = people.exchanged(target, *people.grant(target, target.browser))
    answer = people.refreshed(target, found["refresh_token"])
    return None if "access_token" in answer.json() else f"a refresh token was answered {answer}"


def _no_token(answer: Answer) -> Outcome:
    if "access_token" in answer.json():
        return through(f"{answer}: a token")
    return unclear(str(answer)) if answer.status is None or answer.status >= 500 else held(str(answer))


def _found(target: Target) -> dict[str, str]:
    return people.exchanged(target, *people.grant(target, target.browser))


def _refresh_twice(target: Target) -> Outcome:
    first = _found(target)
    people.refreshed(target, first["refresh_token"])
    return _no_token(people.refreshed(target, first["refresh_token"]))


def _successor(target: Target) -> Outcome:
    """Use a refresh token twice: what its first use gave must be good no more."""
    first = _found(target)
    second = people.refreshed(target, first["refresh_token"]).json()
    people.refreshed(target, first["refresh_token"])
    return _no_token(people.refreshed(target, str(second.get("refresh_token"))))


def _tokens_after_reuse(target: Target) -> Outcome:
    first = _found(target)
    second = people.refreshed(target, first["refresh_token"]).json()
    people.refreshed(target, first["refresh_token"])
    tokens = (first["access_token"], str(second.get("access_token")))
    return worst([until_refused(target, partial(_ask, target, token)) for token in tokens])


def _ask(target: Target, token: str) -> Answer:
    return wire.request(target.edge, "GET", target.places.protected.path, f"Authorization: Bearer {token}")


def _code_twice(target: Target) -> Outcome:
    code, request = people.grant(target, target.browser)
    found = people.exchanged(target, code, request)
    again = _no_token(_redeemed(target, code, request))
    return worst([again, until_refused(target, lambda: _ask(target, found["access_token"]))])


def _redeemed(target: Target, code: str, request: Request, **changed: str) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": target.client.redirect_uri,
        "code_verifier": request.verifier,
    } | changed
    return people.redeem(target, {name: value for name, value in form.items() if value})


def _wrongly(**changed: str) -> Callable[[Target], Outcome]:
    """Exchange a code, with these changes; an empty text leaves a parameter out."""

    def run(target: Target) -> Outcome:
        code, request = people.grant(target, target.browser)
        return _no_token(_redeemed(target, code, request, **changed))

    return run


def _without_pkce(**changed: str) -> Callable[[Target], Outcome]:
    def run(target: Target) -> Outcome:
        request = people.authorization(target, **changed)
        answer = people.authorize(target, target.browser, request)
        code = people.code_of(answer)
        return (
            _no_token(
                _redeemed(target, code, request, code_verifier=request.parameters.get("code_challenge", ""))
            )
            if code
            else held(str(answer))
        )

    return run


def _posted(form: dict[str, str], secret: str | None = None) -> Callable[[Target], Outcome]:
    """Ask for a token by this form; REFRESH and the like stand for what we have."""

    def run(target: Target) -> Outcome:
        given: dict[str, Any] = {
            "MAIL": target.user.email,
            "PASSWORD": target.user.password,
            "TOKEN": target.token,
        }
        filled = {name: given.get(value, value) for name, value in form.items()}
        if "REFRESH" in filled.values():
            refresh = _found(target)["refresh_token"]
            filled = {name: refresh if value == "REFRESH" else value for name, value in filled.items()}
        return _no_token(people.posted(target, "/oauth2/token", filled, secret))

    return run


def _implicit(target: Target) -> Outcome:
    answers = [
        people.authorize(target, target.browser, people.authorization(target, response_type=kind))
        for kind in ("token", "id_token token", "code token")
    ]
    leaked = next((one for one in answers if "access_token=" in one.header("location")), None)
    return through(f"{leaked}: a token in the address") if leaked else held("; ".join(map(str, answers)))


def _as_a_stranger(target: Target) -> Outcome:
    """Ask what a token says, without being anybody."""
    form = f"token={target.token}".encode()
    answer = wire.request(
        target.edge, "POST", INTROSPECT_PATH, "Content-Type: application/x-www-form-urlencoded", body=form
    )
    return through(f"{answer}: it tells") if answer.json().get("active") else held(str(answer))


def _wider(target: Target) -> Outcome:
    """Refresh for more than was granted."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": _found(target)["refresh_token"],
        "scope": "openid email admin",
    }
    answer = people.redeem(target, form)
    token = answer.json().get("access_token")
    if token and "admin" in str(jose.claims(str(token)).get("scope", "")).split():
        return through(f"{answer}: the scope is wider")
    return held(str(answer))


FAMILY: Final = Family(
    "codes and refresh tokens",
    _control,
    (
        Attack("refresh token used twice", _REUSED, "the same refresh token again", _refresh_twice),
        Attack(
            "successor of a refresh token used twice",
            _REUSED,
            "the refresh token that the first use gave",
            _successor,
        ),
        Attack(
            "access tokens of a refresh token used twice",
            _REUSED,
            "both access tokens, after the reuse",
            _tokens_after_reuse,
        ),
        Attack(
            "refresh token without the client's secret",
            _CLIENT,
            "a stolen refresh token, and a guessed secret",
            _posted({"grant_type": "refresh_token", "refresh_token": "REFRESH"}, "a guess"),
        ),
        Attack(
            "refresh token for more scopes", "RFC 6749, section 6", "a scope that was not granted", _wider
        ),
        Attack("code used twice", _CODE, "the same code again, and what its first use gave", _code_twice),
        Attack("code without its verifier", _PKCE, "a stolen code", _wrongly(code_verifier="")),
        Attack(
            "code with another verifier",
            _PKCE,
            "a stolen code, and a guessed verifier",
            _wrongly(code_verifier="x" * 43),
        ),
        Attack(
            "code for another redirect_uri",
            "RFC 6749, section 4.1.3",
            "a code, redeemed for another address",
            _wrongly(redirect_uri="https://attack.invalid/callback"),
        ),
        Attack(
            "no challenge",
            _PKCE,
            "an authorization request without PKCE",
            _without_pkce(code_challenge="", code_challenge_method=""),
        ),
        Attack(
            "a plain challenge",
            "RFC 9700, section 2.1.1",
            "PKCE whose challenge is the verifier itself",
            _without_pkce(code_challenge_method="plain"),
        ),
        Attack("a token in the address", f"{_OLD}.1.2", "the implicit grant", _implicit),
        Attack(
            "a user's password",
            f"{_OLD}.4",
            "the password grant",
            _posted({"grant_type": "password", "username": "MAIL", "password": "PASSWORD"}),
        ),
        Attack(
            "a client's guessed secret",
            _CLIENT,
            "client credentials with another secret",
            _posted({"grant_type": "client_credentials"}, "a guess"),
        ),
        Attack(
            "an audience that is not the client's",
            "RFC 8707, section 2",
            "client credentials for another audience",
            _posted({"grant_type": "client_credentials", "resource": "https://attack.invalid/not-ours"}),
        ),
        Attack(
            "an access token as an assertion",
            "RFC 7523; RFC 8725, section 2.8",
            "the JWT bearer grant",
            _posted({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "TOKEN"}),
        ),
        Attack(
            "an exchange that is not granted",
            "RFC 8693, section 2.1",
            "token exchange by a client that may not",
            _posted(
                {
                    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                    "subject_token": "TOKEN",
                    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
                }
            ),
        ),
        Attack(
            "introspection by a stranger",
            "RFC 7662, section 2.1",
            "what a token says, without being anybody",
            _as_a_stranger,
        ),
    ),
)
