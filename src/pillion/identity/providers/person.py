"""Who a provider says somebody is, read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pillion.identity import email_address
from pillion.identity.email_address import EmailAddressError
from pillion.identity.providers.failures import ProviderError

LONGEST_SUB: Final = 255  # OpenID Connect Core 1.0, section 2


@dataclass(frozen=True)
class Person:
    """A person of a provider's.

    `issuer` and `sub` name them, for ever (OpenID Connect Core 1.0, section 5.7); `email` is in its normal
    form, and none if the provider told none; `verified` says that it is known to be theirs. `proven_at`, in
    seconds since the epoch, is when the provider last asked them who they are, if it says so. `claims` are for
    their groups.
    """

    issuer: str
    sub: str
    email: str | None = None
    verified: bool = False
    proven_at: int | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


def subject(value: object) -> str:
    """Read a person's id; raises ProviderError."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SUB or not value.isprintable():
        raise ProviderError("it does not say who it is: 'sub' is no usable text")
    return value


def address(value: object) -> str | None:
    """Read an address; None for whatever is none."""
    try:
        return email_address.parse(value) if isinstance(value, str) else None
    except EmailAddressError:
        return None
