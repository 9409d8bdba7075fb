"""OAuth clients from the command line: registered, changed, listed, given another secret, deleted.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

import secrets
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from pillion.identity import changes, sessions
from pillion.identity.accounts import AccountError
from pillion.identity.models import OAuthClient, Session
from pillion.identity.oauth import back_channel, client_metadata, hashes, service_accounts
from pillion.identity.oauth.client_metadata import GRANT_NAMES, Wanted

# What the record of changes says by itself.
_SAID: Final = frozenset({"client_id", "created"})


@dataclass(frozen=True)
class Client:
    """A client, as an operator sees it; its secret is seen once."""

    client_id: str
    name: str
    public: bool
    first_party: bool
    redirect_uris: tuple[str, ...]
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    roles: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str
    created: datetime

    def document(self) -> dict[str, Any]:
        """Give the client as JSON has it; times in ISO 8601, UTC."""
        found = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return found | {"created": self.created.astimezone(UTC).isoformat()}


def add(wanted: Wanted) -> tuple[Client, str | None]:
    """Register a client; gives it, and its secret unless it is public. Raises InvalidAccountError."""
    columns = client_metadata.columns(wanted)
    secret = None if wanted.public else hashes.new_secret()
    row = OAuthClient(
        client_id=f"client-{secrets.token_hex(8)}",
        secret_hash="" if secret is None else hashes.of(secret),
        **columns,
        created_at=timezone.now(),
    )
    client = _client(row)
    with transaction.atomic():
        row.save(force_insert=True)
        told = {name: value for name, value in client.document().items() if value and name not in _SAID}
        changes.record("client.added", client.client_id, **told)
    return client, secret


def change(client_id: str, **changed: Any) -> Client:
    """Change what is named, as `Wanted` names it, but not whether it is public; gives the client as it is then.

    What it may ask for no more is in none of its next tokens, whatever it was granted before (see `narrowed`).
    Raises InvalidAccountError, as `add` does; AccountError.
    """
    if service_accounts.is_one(client_id):
        raise AccountError(f"{client_id} is a service of the mesh: pillion.yaml says what it is")
    with transaction.atomic():
        row = _row(client_id, OAuthClient.objects.select_for_update(no_key=True))  # grants may point to it
        before = _client(row)
        is_now = {one.name: getattr(before, one.name) for one in fields(Wanted)}
        columns = client_metadata.columns(Wanted(**is_now | changed | {"public": row.public}))
        for name, value in columns.items():
            setattr(row, name, value)
        after = _client(row)
        was, is_ = before.document(), after.document()
        different = [name for name in was if was[name] != is_[name]]
        if different:
            row.save(update_fields=list(columns))
            if "backchannel_logout_uri" in different:
                back_channel.expect(row, timezone.now())
            changes.record(
                "client.changed",
                client_id,
                before={name: was[name] for name in different},
                after={name: is_[name] for name in different},
            )
    return after


def list_clients() -> list[Client]:
    """Give all clients, by name."""
    return [_client(row) for row in OAuthClient.objects.order_by("name", "client_id")]


def find(client_id: str) -> Client:
    """Give a client; raises AccountError if there is none."""
    return _client(_row(client_id))


def new_secret(client_id: str) -> str:
    """Give a client another secret; the one before is good no more. Raises AccountError."""
    _refuse_service_account(client_id)
    row = _row(client_id)
    if row.public:
        raise AccountError(f"{row.client_id} is public: it has no secret")
    secret = hashes.new_secret()
    with transaction.atomic():
        OAuthClient.objects.filter(pk=row.pk).update(secret_hash=hashes.of(secret))
        changes.record("client.new-secret", row.client_id, name=row.name)
    return secret


def delete(client_id: str) -> int:
    """Delete a client, after revoking its sessions; gives how many those were. Raises AccountError."""
    _refuse_service_account(client_id)
    with transaction.atomic():
        row = _row(client_id, OAuthClient.objects.select_for_update())
        revoked = sessions.revoke(Session.objects.filter(client_id=row.client_id), timezone.now())
        changes.record("client.removed", row.client_id, name=row.name)
        row.delete()
    return revoked


def _refuse_service_account(client_id: str) -> None:
    if service_accounts.is_known(client_id):
        raise AccountError(f"{client_id} is a service of this mesh: pillion.yaml says whether it is there")


def _row(client_id: str, clients: QuerySet[OAuthClient] | None = None) -> OAuthClient:
    found = (OAuthClient.objects.all() if clients is None else clients).filter(client_id=client_id).first()
    if found is None:
        raise AccountError(f"there is no client '{client_id}': 'pillion client list' shows them")
    return found


def _client(row: OAuthClient) -> Client:
    names = {grant: name for name, grant in GRANT_NAMES.items()}
    return Client(
        client_id=row.client_id,
        name=row.name,
        public=row.public,
        first_party=row.first_party,
        redirect_uris=tuple(row.redirect_uris),
        grants=tuple(names[grant] for grant in row.grant_types if grant in names),
        scopes=tuple(row.scopes),
        audiences=tuple(row.audiences),
        roles=tuple(row.roles),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        backchannel_logout_uri=row.backchannel_logout_uri,
        created=row.created_at,
    )
