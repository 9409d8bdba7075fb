"""What goes wrong between a provider and us, in our words: of its own only a code is logged, and nothing shown."""

import logging
import re
from http import HTTPStatus
from typing import Final

from pillion.identity.providers.known import Provider
from pillion.identity.refusal import Refusal

_log = logging.getLogger("pillion.identity")

# RFC 6749, section 4.1.2.1: what an error's code is made of; ours is shorter, so that nothing can hide in it.
_CODE: Final = re.compile("[a-z_]{1,40}", re.ASCII)


class ProviderError(Exception):
    """A provider's answer cannot be used; the message says why, for the log, and holds nothing that is secret."""


class ProviderAwayError(ProviderError):
    """A provider gave no answer in time, or says that it cannot answer now."""


def refusal_of(provider: Provider, error: ProviderError) -> Refusal:
    """Log why, and give what the person is told."""
    _log.warning("provider %s: %s", provider.name, error)
    return away(provider) if isinstance(error, ProviderAwayError) else failed(provider)


def away(provider: Provider) -> Refusal:
    """Say that a provider cannot be reached."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "provider-unavailable",
        f"{provider.title} cannot be reached right now. Try again in a moment.",
        headers={"Retry-After": "5"},
    )


def failed(provider: Provider) -> Refusal:
    """Say that a provider's answer is not believed; which part of it, the log says."""
    return Refusal(
        HTTPStatus.BAD_GATEWAY,
        "provider-failed",
        f"{provider.title} gave an answer that cannot be used, and so nothing was done. Try again; if that does "
        "not help, tell the operator.",
    )


def said(provider: Provider, code: str) -> Refusal:
    """Give what a person is told of an error that the provider sent them back with (RFC 6749, 4.1.2.1)."""
    if code == "access_denied":
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "provider-denied",
            f"You did not allow it at {provider.title}, or it does not let you in. Nothing was done.",
        )
    _log.warning("provider %s: it answers %s", provider.name, code_of(code))
    if code in {"temporarily_unavailable", "server_error"}:
        return away(provider)
    return failed(provider)


def code_of(text: object) -> str:
    """Give an error's code as it may be logged."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else "an error without a usable code"


def unknown_answer() -> Refusal:
    """Refuse an answer that this browser did not ask for, or asked for too long ago, or has had already."""
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "answer-not-awaited",
        "This browser does not wait for such an answer, or not any more. Begin anew, and finish within "
        "ten minutes.",
    )
