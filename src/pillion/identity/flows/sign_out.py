"""Signing out: the session is revoked, so that its tokens can be refused from now on."""

from allauth.account.internal.flows.logout import logout
from django.http import HttpRequest


def sign_out(request: HttpRequest) -> None:
    """End the session of this request; nothing happens when there is none, or it has ended already."""
    logout(request, show_message=False)
    request.session.flush()
