"""The second step of a sign-in: after the password, who has a second factor shows it.

allauth's login stage holds the sign-in back, in a session that is nobody's yet and yields no token; its cookie is
all that ties the two steps together. It ends after fifteen minutes, and with whatever changes about the account.
"""

from http import HTTPStatus
from typing import Final, NamedTuple

from allauth.account.internal.stagekit import clear_login, get_pending_stage
from allauth.account.stages import LoginStage
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.internal.flows.trust import create_config_fingerprint
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from pillion.identity import limits, second_factors
from pillion.identity.flows.signed_in import SignedIn, describe, signed_in
from pillion.identity.models import Session, User
from pillion.identity.refusal import Refusal
from pillion.identity.visit import session_of

FIELDS: Final = ("code", "credential")
_AS_IT_WAS: Final = "second_step_of"


class SecondFactorRequired(Refusal):
    """The password was right, and is not enough: `kinds` are what may be shown now."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__(
            HTTPStatus.UNAUTHORIZED,
            "second-factor-required",
            "Show your second factor now.",
            headers=second_factors.challenge(HTTPStatus.UNAUTHORIZED),
            members={"second_factors": list(kinds)},
        )


class Pending(NamedTuple):
    """A sign-in that waits for its second step, and what may be shown."""

    stage: LoginStage
    user: User
    kinds: tuple[str, ...]


def hold(request: HttpRequest, user: User) -> None:
    """Note how the account is now, where allauth has held back the sign-in of `user` for a second factor."""
    if not request.user.is_authenticated:
        request.session[_AS_IT_WAS] = create_config_fingerprint(user)


def raise_if_held(request: HttpRequest) -> None:
    """Raise SecondFactorRequired if the sign-in that was just begun waits for its second step."""
    if not request.user.is_authenticated:
        raise SecondFactorRequired(pending(request).kinds)


def pending(request: HttpRequest) -> Pending:
    """Give the sign-in that waits for its second step; raises Refusal (401) if there is none, or no more."""
    stage = get_pending_stage(request)
    if stage is None or stage.key != AuthenticateStage.key or not isinstance(stage.login.user, User):
        raise _sign_in_first()
    user = stage.login.user
    as_it_was = str(request.session.get(_AS_IT_WAS, ""))
    if not user.is_active or not constant_time_compare(as_it_was, create_config_fingerprint(user)):
        clear_login(request)
        raise _sign_in_first()
    return Pending(stage, user, second_factors.kinds(user))


def passkey_options(request: HttpRequest) -> dict[str, object]:
    """Give what the browser is to ask for; raises Refusal (401) as `pending` does."""
    return dict(auth.begin_authentication(pending(request).user))


def second_step(request: HttpRequest, code: str, credential: str) -> SignedIn:
    """Finish the sign-in by a code or by a passkey (its credential, in JSON).

    Raises Refusal: 400 without either, 401 when it is wrong or no sign-in waits, 429 after too many tries.
    """
    if not code and not credential:
        raise missing_code()
    tried = limits.try_second_factor(request, pending(request).user)
    with transaction.atomic():
        stage, user, _ = _locked(request)
        if credential:
            form = second_factors.check_passkey(
                user, credential, AuthenticateWebAuthnForm, HTTPStatus.UNAUTHORIZED
            )
        else:
            form = second_factors.check_code(user, code, AuthenticateForm, HTTPStatus.UNAUTHORIZED)
        form.save()
        del request.session[_AS_IT_WAS]
        describe(request)
        stage.exit()
        request.session.save()
    tried.give_back()
    return signed_in(request)


def take_session(request: HttpRequest) -> bool:
    """Lock the session that what follows replaces; False if there is none, or somebody has just replaced it.

    So a passkey's answer that comes twice at once opens one session.
    """
    session = session_of(request)
    session.keys()  # which reads it
    living = Session.objects.select_for_update().filter(revoked_at=None)
    return session.row is not None and living.filter(pk=session.row.pk).first() is not None


def missing_code() -> Refusal:
    """Refuse a form that was left empty."""
    missing = "Enter a code."
    return Refusal(HTTPStatus.BAD_REQUEST, "missing-fields", missing, errors={"code": missing})


def _locked(request: HttpRequest) -> Pending:
    """Give what waits as it is now, and keep the account so until the transaction ends."""
    user = pending(request).user
    second_factors.hold(user)
    if not take_session(request):
        raise _sign_in_first()
    return pending(request)


def _sign_in_first() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "no-sign-in-waits",
        "Sign in with your email address and your password first; the second step has fifteen minutes.",
        headers=second_factors.challenge(HTTPStatus.UNAUTHORIZED),
    )
