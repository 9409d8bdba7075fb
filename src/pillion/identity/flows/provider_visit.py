"""Sends a browser to a provider, and takes the answer that it comes back with: once, here, and within ten minutes.

Login CSRF: an answer that this browser's session does not wait for is none (RFC 6749, section 10.12; RFC 9700,
4.7.1).
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from secrets import compare_digest
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from django.db import transaction
from django.http import HttpRequest

from pillion.identity import limits
from pillion.identity.flows.second_step import take_session
from pillion.identity.flows.signed_in import describe
from pillion.identity.providers import facebook, failures, github, openid
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person
from pillion.identity.refusal import Refusal, malformed
from pillion.identity.session_store import SessionStore
from pillion.identity.visit import session_of

LIFETIME: Final = 600  # seconds
# In several tabs, at several providers; the oldest is forgotten for another one.
_MOST: Final = 5
_KEPT: Final = "provider_visits"
_LONGEST: Final = 8192
_MOST_PARAMETERS: Final = 30


class _Kind(Protocol):
    """What each module of a kind of provider has."""

    def where_to(self, provider: Provider, attempt: Attempt, *, again: bool) -> str: ...

    def person(self, provider: Provider, attempt: Attempt, code: str) -> Person: ...


_KINDS: Final[Mapping[str, _Kind]] = {"openid": openid, "github": github, "facebook": facebook}


def begin_visit(request: HttpRequest, provider: Provider, attempt: Attempt) -> str:
    """Give the address to send the browser to, whose session waits for the answer from then on.

    Raises Refusal: 429 after too many, 502 or 503 where the provider does not say where that is.
    """
    limits.try_provider(request)
    try:
        where = _KINDS[provider.kind].where_to(provider, attempt, again=attempt.purpose == "confirm")
    except ProviderError as error:
        raise failures.refusal_of(provider, error) from None
    with transaction.atomic():
        _keep(request, attempt)
    return where


def answer_of(request: HttpRequest) -> dict[str, str]:
    """Read the parameters that a provider sent the browser back with, each once. Raises Refusal (400)."""
    query = request.META.get("QUERY_STRING", "")
    if len(query) > _LONGEST:
        raise malformed("The answer is too long.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise malformed("The answer cannot be read.") from None
    answer = dict(pairs)
    if len(answer) != len(pairs):  # RFC 6749, section 3.1
        raise malformed("A parameter is there twice.")
    if not all(value.isprintable() for value in answer.values()):
        raise malformed("A parameter holds characters that none may hold.")
    return answer


def end_visit(request: HttpRequest, provider: Provider, answer: Mapping[str, str]) -> Attempt:
    """Give what the answer is to, and wait for it no more. Raises Refusal (400): nobody here waits for it."""
    state = answer.get("state", "").encode()
    with transaction.atomic():
        if not take_session(request):
            raise failures.unknown_answer()
        visits = _waiting(_read_anew(request))
        found = next((one for one in visits if compare_digest(one["state"].encode(), state)), None)
        request.session[_KEPT] = [one for one in visits if one is not found]
        request.session.save()
        # Or Django writes it once more at the end, after whatever has become of it meanwhile.
        request.session.modified = False
    if found is None or found["provider"] != provider.name:
        raise failures.unknown_answer()
    return Attempt(**found)


def ask_who(provider: Provider, attempt: Attempt, answer: Mapping[str, str]) -> Person:
    """Give who it is, by the answer. Raises Refusal: 403 if they did not allow it, 502 or 503 for all else."""
    try:
        return _ask_who(provider, attempt, answer)
    except ProviderError as error:
        raise failures.refusal_of(provider, error) from None


def _ask_who(provider: Provider, attempt: Attempt, answer: Mapping[str, str]) -> Person:
    if provider.kind == "openid":
        openid.check_issuer(provider, answer.get("iss"))
    if "error" in answer:
        raise failures.said(provider, answer["error"])
    if not answer.get("code"):
        raise ProviderError("its answer has neither a code nor an error")
    return _KINDS[provider.kind].person(provider, attempt, answer["code"])


def require_same(request: HttpRequest, attempt: Attempt) -> None:
    """Raise Refusal (403) unless who began the visit is signed in here still."""
    if str(getattr(request.user, "id", "")) != attempt.user:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "another-account",
            "Somebody else is signed in here by now. Nothing was done.",
        )


def _keep(request: HttpRequest, attempt: Attempt) -> None:
    data = _read_anew(request) if take_session(request) else {}
    if session_of(request).row is None:
        describe(request)
    request.session[_KEPT] = [*_waiting(data), asdict(attempt)][-_MOST:]
    request.session.save()


def _read_anew(request: HttpRequest) -> dict[str, Any]:
    """Give the session's data as they are now that its row is held: another request may have changed them."""
    request.session = SessionStore(request.session.session_key)
    return dict(request.session.items())


def _waiting(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    kept = data.get(_KEPT)
    since = time.time() - LIFETIME
    return [one for one in kept if one["at"] > since] if isinstance(kept, list) else []
