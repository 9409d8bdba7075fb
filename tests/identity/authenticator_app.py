"""Accounts that have an app for one-time codes."""

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp

from pillion.identity.models import User
from tests.identity.browser import new_user
from tests.totp import App

__all__ = ["App", "recovery_codes", "user_with_app"]


def user_with_app(*roles: str) -> tuple[str, App]:
    """Give the address of a new user who has an app, and recovery codes, and has used none yet."""
    email, app = new_user(*roles), App(totp.generate_totp_secret())
    user = User.objects.get(email=email)
    totp.TOTP.activate(user, app.seed)
    RecoveryCodes.activate(user)
    return email, app


def recovery_codes(email: str) -> list[str]:
    """Look up the recovery codes that are left."""
    row = Authenticator.objects.get(user__email=email, type=Authenticator.Type.RECOVERY_CODES)
    codes: list[str] = row.wrap().get_unused_codes()
    return codes
