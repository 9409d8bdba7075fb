"""The session behind a grant: opened, found alive, ended; by it every Envoy can refuse the grant's tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from pillion.identity import sessions
from pillion.identity.lifetimes import IDLE_LIFETIME, SESSION_LIFETIME
from pillion.identity.models import OAuthClient, OAuthGrant, Session, User
from pillion.identity.oauth import hashes, scopes

# A client that may act while nobody is there has to do so once in this time, or ask again.
LASTING: Final = timedelta(days=30)


@dataclass(frozen=True)
class Granted:
    """What a client was allowed, and by which browser's session (`parent`); none where it acts for itself.

    `elsewhere`: it runs on another machine than that browser, and does not end with its session.
    """

    client: OAuthClient
    parent: Session | None
    scope: str
    audiences: tuple[str, ...]
    elsewhere: bool = False

    @property
    def lasting(self) -> bool:
        """Whether it goes on when the browser's session has ended."""
        return self.parent is not None and (self.elsewhere or scopes.OFFLINE in self.scope.split())


def open_session(granted: Granted, now: datetime) -> OAuthGrant:
    """Open the session of a grant. Call in a transaction that holds the parent's row, see `hold`."""
    client, parent = granted.client, granted.parent
    lasting = granted.lasting
    expires = now + SESSION_LIFETIME if parent is None else now + LASTING if lasting else parent.expires_at
    session = Session.objects.create(
        sid=uuid4(),
        key_hash=sessions.hash_of(sessions.new_key()) or "",  # forgotten at once: no browser holds it
        user=parent.user if parent else None,
        created_at=now,
        expires_at=expires,
        last_used_at=now,
        tokens_until=sessions.last_token(now, settings.PILLION.token_lifetime),
        auth_time=parent.auth_time if parent else None,
        amr=list(parent.amr) if parent else [],
        client_id=client.client_id,
        address=parent.address if parent else "",
        user_agent=client.name,
    )
    return OAuthGrant.objects.create(
        session=session,
        client=client,
        parent=None if lasting else parent,
        sub=str(parent.user_id) if parent else client.client_id,
        scope=granted.scope,
        audiences=list(granted.audiences),
        tell_at=now if client.backchannel_logout_uri and parent else None,
    )


def hold(parent: UUID | str | None, now: datetime) -> Session | None:
    """Find a browser's session that is alive, and let nobody revoke it before the transaction ends.

    Its user's row is held as well.
    """
    if parent is None:
        return None
    # First, as everybody else does (see `locks`): the session that is opened will point to the user.
    User.objects.select_for_update(of=("self",)).filter(sessions__sid=parent).first()
    alive = sessions.live_of_users(now).filter(sid=parent)
    return alive.select_for_update(of=("self",)).select_related("user").first()


def live_grants(now: datetime) -> QuerySet[OAuthGrant]:
    """Give the grants whose session is alive, and so is all that it hangs on."""
    of_somebody = Q(session__user__is_active=True) | Q(session__user__isnull=True, parent__isnull=True)
    return OAuthGrant.objects.filter(
        of_somebody,
        session__in=Session.objects.filter(sessions.live(now)),
    ).filter(Q(parent__isnull=True) | Q(parent__in=sessions.live_of_users(now)))


def is_live(grant: OAuthGrant, now: datetime) -> bool:
    """Say of one grant, read with its sessions and their users, what `live_grants` asks of all.

    To build that query takes three times as long as to sign a token.
    """
    session, parent = grant.session, grant.parent
    if session.revoked_at is not None or session.expires_at <= now:
        return False
    if session.user is None:
        return parent is None
    if parent is None:
        return session.user.is_active
    used = parent.last_used_at > now - IDLE_LIFETIME
    return session.user.is_active and parent.revoked_at is None and parent.expires_at > now and used


def new_refresh_token(grant: OAuthGrant) -> str:
    """Give a grant its first refresh token."""
    selector, secret = hashes.new_secret(), hashes.new_secret()
    grant.selector_hash, grant.secret_hash = hashes.of(selector), hashes.of(secret)
    grant.save(update_fields=["selector_hash", "secret_hash"])
    return f"{selector}.{secret}"


def split(refresh_token: str) -> tuple[str, str] | None:
    """Take a refresh token apart; None if it cannot be one."""
    selector, dot, secret = refresh_token.partition(".")
    return (selector, secret) if dot and selector and secret and "." not in secret else None


def end(sids: Iterable[object]) -> None:
    """Revoke sessions, so that what they granted is refused everywhere."""
    with transaction.atomic():
        sessions.revoke(Session.objects.filter(sid__in=list(sids)), timezone.now())
