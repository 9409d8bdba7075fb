"""Which view answers which path; the paths are docs/interface.md's."""

from http import HTTPStatus

from django.contrib.sessions.exceptions import SessionInterrupted
from django.http import HttpRequest, HttpResponse
from django.urls import path

from pillion.identity import answers
from pillion.identity.admin.site import site as admin_site
from pillion.identity.middleware.refusals import refusal_of
from pillion.identity.oauth import urls as oauth
from pillion.identity.refusal import Refusal, internal_error, malformed
from pillion.identity.views import (
    account,
    change,
    confirm,
    discovery,
    forgot,
    mailbox,
    me,
    own_api_keys,
    own_sessions,
    providers,
    second_step,
    security,
    sign_in,
    sign_out,
    sign_up,
    verify,
)
from pillion.identity.views.kept_here import kept_here

urlpatterns = [
    *oauth.urlpatterns,  # first, since Django tries them in turn, and programs ask for tokens all the time
    path("sign-in", sign_in.view, name="account_login"),
    path("sign-in/second-factor", second_step.view, name="mfa_authenticate"),
    path("sign-in/second-factor/options", second_step.options),
    path("sign-in/passkey", second_step.passkey),
    path("sign-in/passkey/options", second_step.any_passkey_options),
    path("sign-in/with/<slug:name>", providers.begin),
    path("sign-in/with/<slug:name>/callback", providers.callback),
    path("sign-up", sign_up.view, name="account_signup"),
    path("sign-out", sign_out.view, name="account_logout"),
    path("me", me.view),
    path("account", account.view),
    path("account/", account.view),
    path("account/confirm", confirm.view, name="account_reauthenticate"),
    path("account/verify", kept_here(verify.view)),
    path("account/verify/again", kept_here(verify.again)),
    path("account/forgot", kept_here(forgot.view)),
    path("account/reset", kept_here(forgot.reset_view)),
    path("account/password", kept_here(change.password)),
    path("account/email", kept_here(change.email)),
    path("account/delete", kept_here(change.delete)),
    path("account/sessions", own_sessions.view),
    path("account/sessions/end", own_sessions.end_view),
    path("account/api-keys", own_api_keys.view),
    path("account/api-keys/add", own_api_keys.add),
    path("account/api-keys/revoke", own_api_keys.revoke),
    path("pillion/mail", mailbox.view),
    path("account/confirm/options", confirm.options),
    path("account/confirm/provider", providers.confirm),
    path("account/verify/provider", kept_here(providers.verify)),
    path("account/providers", providers.view),
    path("account/providers/add", providers.add),
    path("account/providers/remove", providers.remove),
    path("account/step-up", confirm.step_up),
    path("account/security", security.view),
    path("account/security/totp", security.totp),
    path("account/security/totp/remove", security.totp_remove),
    path("account/security/passkeys", security.passkey),
    path("account/security/passkeys/options", security.passkey_options),
    path("account/security/passkeys/remove", security.passkey_remove),
    path("account/security/recovery-codes", security.recovery_codes),
    path("pillion/admin/", admin_site.urls),
    path(".well-known/jwks.json", discovery.jwks),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django finds suspicious, or whose session has ended when it is to be saved."""
    if isinstance(exception, SessionInterrupted):  # raised above the middleware that answers for the views
        return answers.refuse(request, refusal_of(request, exception))
    return answers.refuse(request, malformed("The request cannot be read."))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer a refusal that did not say why."""
    return answers.refuse(request, Refusal(HTTPStatus.FORBIDDEN, "forbidden", "This is not for you."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer a form of the admin that does not carry what its page gave it."""
    said = "This form is too old, or another site sent it; it was not done. Open its page anew."
    return answers.refuse(request, Refusal(HTTPStatus.FORBIDDEN, "cross-origin-request", said))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a path that leads nowhere."""
    return answers.refuse(request, refusal_of(request, exception))


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer for a mistake of ours outside the views; Django has logged it."""
    return answers.refuse(request, internal_error())
