"""A change of an account by its owner, against whatever else happens to the account at the same time."""

from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import sessions
from pillion.identity.models import User
from pillion.identity.refusal import not_signed_in
from pillion.identity.visit import session_of


def still_there(request: HttpRequest, user: User) -> None:
    """Hold the user's row: one change at a time, and none by a session that another change has ended.

    Call in a transaction. Raises Refusal (401) if the session, or the user, is gone.
    """
    held = User.objects.select_for_update().filter(id=user.id, is_active=True).first()
    row = session_of(request).row
    alive = sessions.live_of_users(timezone.now()).filter(user=user)
    if held is None or row is None or not alive.filter(sid=row.sid).exists():
        raise not_signed_in("The session has ended.")
