"""Adding and removing one's second factors, by allauth's flows; the views see to it that it is really that person.

Who adds one has just shown it, so that the session has it from now on.
"""

from http import HTTPStatus
from typing import Any, Final, NamedTuple

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as recovery_codes
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal import flows as totp_flows
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from allauth.mfa.webauthn.internal import flows as webauthn
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import changes, limits, master_key, passkeys, sealed_text, second_factors, ways_in
from pillion.identity.flows.acting import acting
from pillion.identity.flows.confirm import proven
from pillion.identity.flows.passkey_sign_in import require_usable
from pillion.identity.models import User
from pillion.identity.refusal import Refusal

LONGEST_NAME: Final = 60
MOST_PASSKEYS: Final = 20
_SEED: Final = "seed_to_add"


class Overview(NamedTuple):
    """What an account has. No recovery codes: `codes_left` is None; `codes_new` if nobody has seen them yet."""

    totp: Authenticator | None
    passkeys: list[Authenticator]
    codes_left: int | None
    codes_new: bool


class _ActivateTOTPForm(ActivateTOTPForm):  # type: ignore[misc]
    """allauth's form, but for the seed: allauth would keep it in clear in the session until then."""

    def __init__(self, *args: Any, user: User, secret: str) -> None:
        forms.Form.__init__(self, *args)
        self.user = user
        self.secret = secret


def overview(user: User) -> Overview:
    """Say what the account has."""
    has = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    by_type = {one.type: one for one in has}
    codes = (
        by_type[Authenticator.Type.RECOVERY_CODES].wrap()
        if Authenticator.Type.RECOVERY_CODES in by_type
        else None
    )
    return Overview(
        by_type.get(Authenticator.Type.TOTP),
        [one for one in has if one.type == Authenticator.Type.WEBAUTHN],
        len(codes.get_unused_codes()) if codes else None,
        codes is not None and not codes.did_view,
    )


def require_may_add(user: User) -> None:
    """Raise Refusal (403) while the address is unproven: its true owner could not get in any more."""
    try:
        validate_can_add_authenticator(user)
    except ValidationError:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "email-unverified",
            "Verify your email address first; then you can add a second factor.",
        ) from None


def begin_totp(request: HttpRequest, user: User) -> str:
    """Make a seed for one-time codes, and keep it, encrypted, until a code shows that an app has it.

    Raises Refusal: 403, or 409 when there are one-time codes.
    """
    require_may_add(user)
    _require_no_totp(user)
    seed: str = totp.generate_totp_secret()
    request.session[_SEED] = sealed_text.seal(seed, master_key.SECOND_FACTORS)
    return seed


def seed_to_add(request: HttpRequest) -> str:
    """Give the seed that waits for its first code; raises Refusal (409) if there is none."""
    sealed = request.session.get(_SEED)
    if not isinstance(sealed, str):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "no-seed-waits",
            "Open this page anew: the key that it showed is no longer kept.",
        )
    return sealed_text.unseal(sealed, master_key.SECOND_FACTORS)


def add_totp(request: HttpRequest, user: User, code: str) -> str:
    """Add one-time codes, by the first code of an app that holds the seed; gives a token that says so.

    Raises Refusal: 400 without a code, 403 when it is wrong, 409 when there are one-time codes, or nothing waits,
    429 after too many tries.
    """
    require_may_add(user)
    seed = seed_to_add(request)
    if not code:
        missing = "Enter the code that the app shows."
        raise Refusal(HTTPStatus.BAD_REQUEST, "missing-fields", missing, errors={"code": missing})
    tried = limits.try_second_factor(request, user)
    with transaction.atomic():
        second_factors.hold(user)
        _require_no_totp(user)
        form = _ActivateTOTPForm({"code": code}, user=user, secret=seed)
        if not form.is_valid():
            raise Refusal(HTTPStatus.FORBIDDEN, "wrong-code", second_factors.WRONG_CODE)
        added, _ = totp_flows.activate_totp(request, form)
        second_factors.remember_step(added, code)
        _record(request, user, "totp-added")
        del request.session[_SEED]
        token = _shown(request, user, added)
    tried.give_back()
    return token


def passkey_options(request: HttpRequest, user: User) -> dict[str, object]:
    """Give what the browser is to make; raises Refusal: 403, 404, or 409 when there are very many."""
    require_usable()
    require_may_add(user)
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count() >= MOST_PASSKEYS:
        raise Refusal(
            HTTPStatus.CONFLICT, "too-many-passkeys", "Remove a passkey first: these are very many."
        )
    return dict(webauthn.begin_registration(request, user, passwordless=True))


def add_passkey(request: HttpRequest, user: User, name: str, credential: str) -> str:
    """Add a passkey; gives a token that says that it was used. Raises Refusal: 400, 403, 404 or 409."""
    require_usable()
    require_may_add(user)
    passkeys.check(credential, settings.PILLION)
    given = {"name": name.strip()[:LONGEST_NAME], "credential": credential, "passwordless": "on"}
    with transaction.atomic():
        second_factors.hold(user)
        with second_factors.refusing_whatever_is_wrong(HTTPStatus.FORBIDDEN):
            form = AddWebAuthnForm(given, user=user)
            if not form.is_valid():
                raise second_factors.wrong_passkey(HTTPStatus.FORBIDDEN)
            made = form.cleaned_data["credential"]
            if _is_known(made):
                raise ValueError("somebody has it already")
        added, _ = webauthn.add_authenticator(request, form.cleaned_data["name"], _needed(made))
        _record(request, user, "passkey-added")
        return _shown(request, user, added)


def remove_totp(request: HttpRequest, user: User) -> None:
    """Remove one-time codes, and the recovery codes with the last second factor. Raises Refusal (404)."""
    with transaction.atomic():
        second_factors.hold(user)
        totp_flows.deactivate_totp(request, _own(user, Authenticator.Type.TOTP))
        _record(request, user, "totp-removed")


def remove_passkey(request: HttpRequest, user: User, number: str) -> None:
    """Remove the passkey of this number, and the recovery codes with the last one; raises Refusal (404).

    Raises Refusal (409) when nothing else signs the user in.
    """
    with transaction.atomic():
        second_factors.hold(user)
        key = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0  # noqa: PLR2004 - 63 bits
        removed = _own(user, Authenticator.Type.WEBAUTHN, pk=key)
        ways_in.require_another(user, without_passkey=key)
        webauthn.remove_authenticator(request, removed)
        _record(request, user, "passkey-removed")


def new_recovery_codes(request: HttpRequest, user: User) -> None:
    """Make recovery codes anew, the old ones being good no more; raises Refusal (404) without a second factor."""
    if not set(second_factors.kinds(user)) - {"recovery-code"}:
        raise _nothing()
    with transaction.atomic():
        recovery_codes.generate_recovery_codes(request)
        _record(request, user, "recovery-codes")


def recovery_codes_once(request: HttpRequest, user: User) -> list[str]:
    """Give the recovery codes, the first time that they are asked for; none after that. Raises Refusal (404)."""
    with transaction.atomic():
        second_factors.hold(user)
        codes, may_see = recovery_codes.view_recovery_codes(request)
    if codes is None:
        raise _nothing()
    return list(codes.get_unused_codes()) if may_see else []


def _record(request: HttpRequest, user: User, what: str) -> None:
    """Write it down in the transaction of the change: allauth tells of some of these only when that has ended."""
    with acting(request, user):
        changes.record(f"account.{what}", user.email)


def _require_no_totp(user: User) -> None:
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise Refusal(HTTPStatus.CONFLICT, "totp-there-already", "Remove the app that you have first.")


def _shown(request: HttpRequest, user: User, added: Authenticator) -> str:
    record_authentication(request, user, "mfa", id=added.pk, type=added.type, reauthenticated=True)
    return proven(request, user)


def _own(user: User, kind: str, **which: int) -> Authenticator:
    found = Authenticator.objects.filter(user=user, type=kind, **which).first()
    if found is None:
        raise _nothing()
    return found


def _is_known(credential: dict[str, Any]) -> bool:
    """Tell whether an account has this passkey (WebAuthn, section 7.1, step 26)."""
    known = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN)
    return bool(known.filter(data__credential__rawId=credential["rawId"]).exists())


def _needed(credential: dict[str, Any]) -> dict[str, Any]:
    """Leave out what nobody asked for, which could be anything."""
    answer = {name: credential["response"][name] for name in ("clientDataJSON", "attestationObject")}
    kept = {name: credential[name] for name in ("id", "rawId", "type")}
    return {**kept, "response": answer, "clientExtensionResults": {"credProps": {"rk": True}}}


def _nothing() -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "no-such-factor", "Your account has no such second factor.")
