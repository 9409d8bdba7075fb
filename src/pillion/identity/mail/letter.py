"""What a mail says: from an order to a message (RFC 5322), by the templates in `templates/pillion/mail`."""

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from pillion.identity import links
from pillion.identity.mail.queue import Order
from pillion.identity.models import User


def write(order: Order) -> EmailMessage:
    """Write the mail. The template's first line is the subject.

    The same order gives the same Message-ID, so that a mail which had to be sent twice shows once.
    """
    about, details = _ABOUT.get(order.about, _notice)(order)
    text = render_to_string(
        f"pillion/mail/{about}.txt",
        {"mesh": settings.PILLION.mesh, "origin": settings.PILLION.origin, "email": order.to, **details},
    )
    subject, _, body = text.strip().partition("\n")
    sender = settings.PILLION.mail_from or f"{settings.PILLION.mesh} <noreply@localhost>"
    message = EmailMessage()
    message["From"] = sender
    message["To"] = order.to
    message["Subject"] = subject
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{order.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: no machine is to answer
    message.set_content(body.strip() + "\n")
    return message


Said = tuple[str, Mapping[str, Any]]


def _confirm(order: Order) -> Said:
    """Somebody has made an account with an address, or asks for the link once more."""
    user = _user(order)
    if user is None:
        return "no_account", {"asked": "to confirm this address"}
    if links.is_proven(user):
        return "account_exists", {}
    link = _link("verify", links.to_prove(user, user.email))
    return "confirm", {"link": link, "password": user.has_usable_password()}


def _reset(order: Order) -> Said:
    """Somebody has forgotten the password of an account, which there may be or not."""
    user = _user(order)
    if user is None or not user.is_active:
        return "no_account", {"asked": "for a new password"}
    return "reset", {"link": _link("reset", links.to_reset(user))}


def _change(order: Order) -> Said:
    """Somebody wants this to be the address of their account."""
    user = User.objects.filter(id=order.details["user"], is_active=True).first()
    if user is None or links.taken(order.to, user):
        return "account_exists", {}
    return "change", {"link": _link("verify", links.to_prove(user, order.to)), "before": user.email}


def _notice(order: Order) -> Said:
    return order.about, order.details


_ABOUT: Final[Mapping[str, Callable[[Order], Said]]] = {
    "confirm": _confirm,
    "reset": _reset,
    "change": _change,
}


def _user(order: Order) -> User | None:
    return User.objects.filter(email=order.to).first()


def _link(page: str, key: str) -> str:
    return f"{settings.PILLION.origin}/account/{page}?key={key}"
