"""What accounts are linked to, from the command line.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

from django.db import transaction
from django.utils import timezone

from pillion.identity import changes, email_address, provider_links, sessions
from pillion.identity.accounts import AccountError
from pillion.identity.models import Session, User


def unlink(email: str) -> tuple[str, ...]:
    """Remove all providers by which an account is signed in to, and revoke its sessions; gives their titles.

    The roles that came by them go, too. Raises AccountError if there is no such account, or it has none.
    """
    address = email_address.normal(email)
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=address).first()
        if user is None:
            raise AccountError(f"there is no account for {address}")
        titles = tuple(one.title for one in provider_links.of_user(user))
        if not titles:
            raise AccountError(f"nobody signs in to the account of {address} by a provider")
        changes.record("user.unlinked", user.email, providers=list(titles))
        provider_links.forget(user)
        sessions.revoke(Session.objects.filter(user=user), timezone.now())
    return titles
