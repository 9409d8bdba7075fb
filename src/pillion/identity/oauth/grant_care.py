"""What people have allowed clients: seen, and taken back, by operators.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from pillion.identity import changes, email_address, sessions
from pillion.identity.accounts import AccountError
from pillion.identity.models import (
    OAuthClient,
    OAuthCode,
    OAuthConsent,
    OAuthDeviceCode,
    OAuthGrant,
    Session,
    User,
)
from pillion.identity.oauth import grant_sessions


@dataclass(frozen=True)
class Allowed:
    """What a user has allowed a client: by grants that are alive, or by a consent that is `remembered`.

    `since` and `last_used` are None where there is no such grant.
    """

    client_id: str
    client: str
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    since: datetime | None
    last_used: datetime | None
    remembered: bool


def allowed(user: User) -> list[Allowed]:
    """Give what a user has allowed, by the client's name."""
    grants = list(_of(user).select_related("session"))
    consents = {one.client_id: one for one in OAuthConsent.objects.filter(user=user)}
    named = {*consents, *(grant.client_id for grant in grants)}
    clients = OAuthClient.objects.filter(client_id__in=named).order_by("name", "client_id")
    return [
        _allowed(
            client, [one for one in grants if one.client_id == client.client_id], consents.get(client.pk)
        )
        for client in clients
    ]


def withdraw(email: str, client_id: str | None = None) -> int:
    """Take back what a user has allowed a client, or all clients: its sessions end, and the user is asked again.

    Gives how many sessions that were. Raises AccountError where nothing is allowed.
    """
    address = email_address.normal(email)
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=address).first()
        if user is None:
            raise AccountError(f"there is no account for {address}")
        # Whoever opens a session by a code holds the row of the browser's: they have done it, or find no code.
        parents = (
            Session.objects.filter(user=user, revoked_at=None).select_for_update(of=("self",)).order_by("sid")
        )
        list(parents.values_list("sid", flat=True))
        clients = {} if client_id is None else {"client": client_id}
        consents = OAuthConsent.objects.filter(user=user, **clients)
        grants = _of(user).filter(**clients)
        named = sorted({*consents.values_list("client", flat=True), *grants.values_list("client", flat=True)})
        if not named:
            whom = "no client anything" if client_id is None else f"nothing to the client '{client_id}'"
            raise AccountError(f"{address} has allowed {whom}")
        ended = sessions.revoke(Session.objects.filter(sid__in=grants.values("session")), timezone.now())
        consents.delete()
        for codes in (OAuthCode.objects.filter(sid=None), OAuthDeviceCode.objects.all()):
            codes.filter(parent__user=user, **clients).delete()
        changes.record("user.grants-withdrawn", address, clients=named, sessions=ended)
    return ended


def _of(user: User) -> QuerySet[OAuthGrant]:
    return grant_sessions.live_grants(timezone.now()).filter(session__user=user)


def _allowed(client: OAuthClient, grants: list[OAuthGrant], consent: OAuthConsent | None) -> Allowed:
    given = [
        *([] if consent is None else consent.scopes),
        *(one for grant in grants for one in grant.scope.split()),
    ]
    whom = [
        *([] if consent is None else consent.audiences),
        *(one for grant in grants for one in grant.audiences),
    ]
    return Allowed(
        client_id=client.client_id,
        client=client.name,
        scopes=_each_once(given),
        audiences=_each_once(whom),
        since=min((grant.session.created_at for grant in grants), default=None),
        last_used=max((grant.session.last_used_at for grant in grants), default=None),
        remembered=consent is not None,
    )


def _each_once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
