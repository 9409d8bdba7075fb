"""By what somebody can sign in, so that nobody takes away their last way to do so."""

from http import HTTPStatus

from allauth.mfa.models import Authenticator
from django.conf import settings

from pillion.identity import passkeys, provider_links
from pillion.identity.models import User
from pillion.identity.refusal import Refusal


def require_another(
    user: User, *, without_link: int | None = None, without_passkey: int | None = None
) -> None:
    """Raise Refusal (409) if the user could not sign in any more without that link, or that passkey.

    A mailed link is not counted: it is for those who have lost what they had. The user's row is held.
    """
    if user.has_usable_password() or settings.PILLION.users is not None:
        return
    linked = (one.link.pk for one in provider_links.of_user(user) if one.provider is not None)
    if any(pk != without_link for pk in linked):
        return
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    if passkeys.usable(settings.PILLION) and keys.exclude(pk=without_passkey).exists():
        return
    raise Refusal(
        HTTPStatus.CONFLICT,
        "last-way-in",
        "You could not sign in any more: choose a password first, or add another way.",
    )
