"""What an account has as a second factor, and whether what somebody shows is one of these.

allauth's forms look at a code or a passkey; here stands what they leave open: that a one-time code is good once,
for all time and all processes, and that nothing that a caller sends is more than wrong.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from allauth.mfa.base.forms import BaseAuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from django.conf import settings
from django.db import Error

from pillion.identity import passkeys
from pillion.identity.master_key import MasterKeyError
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, not_signed_in

# allauth's names for them -> ours, in the order in which people are offered them.
KINDS: Final = {
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.TOTP: "totp",
    Authenticator.Type.RECOVERY_CODES: "recovery-code",
}
# No code has more characters, with all the blanks and dashes that somebody may type in between.
_LONGEST_CODE: Final = 64
_LAST_STEP: Final = "last_step"
_USES: Final = "uses"

# What allauth's form says to a code; all else that may be wrong says the same.
WRONG_CODE: Final = "This code is wrong, or was used already."
WRONG_PASSKEY: Final = "This passkey was not taken. Try again."


def kinds(user: User) -> tuple[str, ...]:
    """Name what the account has; nothing, if it has no second factor."""
    return _names(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def kinds_by_user() -> dict[UUID, tuple[str, ...]]:
    """Name what all accounts have that have something, by their ids."""
    types: dict[UUID, set[str]] = {}
    for user, kind in Authenticator.objects.values_list("user_id", "type"):
        types.setdefault(user, set()).add(kind)
    return {user: _names(has) for user, has in types.items()}


def hold(user: User) -> None:
    """Lock the user's row, so that one thing at a time happens to them; raises Refusal (401) if it is gone."""
    if not User.objects.select_for_update().filter(pk=user.pk).exists():
        raise not_signed_in("The account is gone.")


def forget(user: User) -> bool:
    """Take away all that an account has, recovery codes too; False if it had nothing."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])


def check_code(user: User, code: str, form: type[BaseAuthenticateForm], status: HTTPStatus) -> Any:
    """Give allauth's form, valid for this code (of an app, or a recovery code); raises Refusal with `status`.

    To be called in a transaction that has locked the user's row: so a code that comes twice at once is good once.
    """
    filled = form({"code": code[: _LONGEST_CODE + 1]}, user=user)
    if len(code) > _LONGEST_CODE or not filled.is_valid() or not _never_before(filled.authenticator, code):
        raise Refusal(status, "wrong-code", WRONG_CODE, headers=challenge(status))
    return filled


def check_passkey(
    user: User | None, credential: str, form: type[AuthenticateWebAuthnForm], status: HTTPStatus
) -> Any:
    """Give allauth's form, valid for this passkey; raises Refusal: `status`, or 400.

    No user: it says whose, and whoever calls this locks their row, then calls `count_use`. Else theirs is locked.
    """
    passkeys.check(credential, settings.PILLION)
    whose = {} if user is None else {"user": user}
    with refusing_whatever_is_wrong(status):
        filled = form({"credential": credential}, **whose)
        valid = filled.is_valid()
    if not valid or (user is not None and not count_use(filled.cleaned_data["credential"], credential)):
        raise wrong_passkey(status)
    return filled


def count_use(authenticator: Authenticator, credential: str) -> bool:
    """Note how often a key says that it has signed; False for less often than it said before, or if it is gone.

    Then there is a copy of it (WebAuthn, section 6.1.1).
    """
    uses = passkeys.uses(credential)
    row = Authenticator.objects.select_for_update().filter(pk=authenticator.pk).first()
    if row is None:
        return False
    before = row.data.get(_USES, 0)
    if (uses or before) and uses <= before:
        return False
    authenticator.data = row.data | {_USES: uses}
    authenticator.save(update_fields=["data"])
    return True


@contextmanager
def refusing_whatever_is_wrong(status: HTTPStatus) -> Iterator[None]:
    """Turn whatever fido2 stumbles over in what a browser sent into Refusal: its errors are of all kinds."""
    try:
        yield
    except (Error, MasterKeyError, Refusal):
        raise
    except Exception as error:
        raise wrong_passkey(status) from error


def remember_step(authenticator: Authenticator, code: str) -> bool:
    """Note that this one-time code was used, and all before it; False if that is so already (RFC 6238, 5.2)."""
    secret = decrypt(authenticator.data["secret"])
    steps = [step for step in totp.yield_hotp_counters_from_time() if _is_of(step, secret, code)]
    last = authenticator.data.get(_LAST_STEP, -1)
    if not steps or min(steps) <= last:
        return False
    authenticator.data[_LAST_STEP] = min(steps)
    authenticator.save(update_fields=["data"])
    return True


def challenge(status: HTTPStatus) -> dict[str, str]:
    """Give the challenge that a 401 must have (RFC 9110, section 15.5.2)."""
    named = {"WWW-Authenticate": 'Pillion-Second-Factor realm="sign-in"'}
    return named if status == HTTPStatus.UNAUTHORIZED else {}


def wrong_passkey(status: HTTPStatus) -> Refusal:
    """Say that a passkey is not taken, and not why."""
    return Refusal(status, "wrong-passkey", WRONG_PASSKEY, headers=challenge(status))


def _names(types: Iterable[str]) -> tuple[str, ...]:
    has = set(types)
    return tuple(name for kind, name in KINDS.items() if kind in has)


def _never_before(authenticator: Authenticator, code: str) -> bool:
    # A recovery code is crossed out by allauth itself.
    return authenticator.type != Authenticator.Type.TOTP or remember_step(authenticator, code)


def _is_of(step: int, secret: str, code: str) -> bool:
    return bool(
        totp.compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, step)))
    )
