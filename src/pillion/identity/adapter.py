"""Where allauth asks us: who may sign up and in, and from where somebody calls."""

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import caller, changes, device, email_address, links, proof
from pillion.identity.mail import queue
from pillion.identity.models import User

# Which of allauth's notices, and ours, stand in the record of changes, and as what.
_RECORDED: Final = {
    "password_changed": "account.password",
    "password_reset": "account.password-reset",
    "email_changed": "account.email",
    "account_deleted": "account.deleted",
    "provider_added": "account.provider-added",
    "provider_removed": "account.provider-removed",
}


def may_sign_in(user: User) -> bool:
    """Tell whether an account may be used: it is not disabled, and its address is confirmed where it has to be.

    Who has signed up with somebody else's address cannot tell by signing in whether there was an account before.
    """
    return user.is_active and (not settings.PILLION.verifies or links.is_proven(user))


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Pillion's answers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Say what the topology says."""
        return bool(settings.PILLION.sign_up == "open")

    def clean_email(self, email: str) -> str:
        """Give an address its one form; raises ValidationError.

        Too long an address is refused here: allauth would cut it, and so make an account for another one.
        """
        try:
            return email_address.parse(email)
        except email_address.EmailAddressError as error:
            raise ValidationError(str(error).capitalize() + ".", code="invalid") from None

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Do nothing: `limits` has asked already.

        allauth's own limit is per account alone, so that anybody could lock anybody out; and it cannot say
        when to try again.
        """

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Find the user by email and password; who may not sign in counts as unknown, to whoever asks."""
        user: User | None = super().authenticate(request, **credentials)
        return user if user is not None and may_sign_in(user) else None

    def is_reauthentication_required(self, app: str) -> bool:  # noqa: ARG002 - allauth's signature
        """Say whether allauth's own flows must ask once more who somebody is: by the rule of our views."""
        request = context.request
        return request is None or not proof.is_recent(dict(request.session.items()), timezone.now())

    def unstash_verified_email(self, request: HttpRequest) -> str | None:
        """Do as allauth does, but open no session for a visitor to note that there was nothing."""
        stashed: str | None = request.session.pop("account_verified_email", None)
        return stashed

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell an account's owner, and the record of changes, what was done to it in a session of theirs."""
        what = _RECORDED.get(template_prefix.rpartition("/")[2])
        if what is not None:
            with changes.by(changes.Actor(user.email, user.id, self.get_client_ip(self.request))):
                said = {name: value for name, value in (context or {}).items() if name == "provider"}
                changes.record(what, user.email, **said)
        super().send_notification_mail(template_prefix, user, context, email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Have a mail sent: by allauth's name for it, without the folder, there is a template of ours."""
        known = {name: value for name, value in context.items() if isinstance(value, str)}
        queue.put(
            template_prefix.rpartition("/")[2],
            email,
            at=f"{timezone.now():%d %B %Y, %H:%M} UTC",
            device=device.name(known.pop("user_agent", "")),
            **known,
        )

    def get_client_ip(self, request: HttpRequest) -> str:
        """Give the caller's address as the edge saw it."""
        return caller.address(request)
