"""OAuth clients from the command line: registered, listed, given another secret, deleted.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from pillion.identity import changes, sessions
from pillion.identity.accounts import AccountError, InvalidAccountError, checked_roles
from pillion.identity.models import OAuthClient, Session
from pillion.identity.oauth import hashes, redirect_uri, scopes, service_accounts
from pillion.identity.oauth.server import GRANTS

# What each grant is called at the command line: its own name, or the last part of its URN.
GRANT_NAMES: Final = {grant.rpartition(":")[2].replace("-", "_"): grant for grant in GRANTS}
_AUDIENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/?\[\]@!$&'()*+;=%-]{0,254}")
_LONGEST_NAME: Final = 100
# What the record of changes says by itself.
_SAID: Final = frozenset({"client_id", "created"})


@dataclass(frozen=True)
class Wanted:
    """What a new client is to be; nothing named means what is usual."""

    name: str
    public: bool = False
    first_party: bool = False
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""


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
    grants = _grants(wanted)
    _check(wanted, grants)
    secret = None if wanted.public else hashes.new_secret()
    row = OAuthClient(
        client_id=f"client-{secrets.token_hex(8)}",
        name=wanted.name.strip(),
        secret_hash="" if secret is None else hashes.of(secret),
        first_party=wanted.first_party,
        grant_types=grants,
        redirect_uris=list(wanted.redirect_uris),
        scopes=list(dict.fromkeys(wanted.scopes or scopes.DEFAULT)),
        audiences=list(dict.fromkeys(wanted.audiences or (settings.PILLION.mesh,))),
        roles=checked_roles(wanted.roles),
        post_logout_redirect_uris=list(wanted.post_logout_redirect_uris),
        backchannel_logout_uri=wanted.backchannel_logout_uri,
        created_at=timezone.now(),
    )
    client = _client(row)
    with transaction.atomic():
        row.save(force_insert=True)
        told = {name: value for name, value in client.document().items() if value and name not in _SAID}
        changes.record("client.added", client.client_id, **told)
    return client, secret


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
        row = OAuthClient.objects.select_for_update().filter(client_id=client_id).first()
        if row is None:
            raise AccountError(f"there is no client '{client_id}': 'pillion client list' shows them")
        revoked = sessions.revoke(Session.objects.filter(client_id=row.client_id), timezone.now())
        changes.record("client.removed", row.client_id, name=row.name)
        row.delete()
    return revoked


def _refuse_service_account(client_id: str) -> None:
    if service_accounts.is_known(client_id):
        raise AccountError(f"{client_id} is a service of this mesh: pillion.yaml says whether it is there")


def _row(client_id: str) -> OAuthClient:
    found = OAuthClient.objects.filter(client_id=client_id).first()
    if found is None:
        raise AccountError(f"there is no client '{client_id}': 'pillion client list' shows them")
    return found


def _grants(wanted: Wanted) -> list[str]:
    """Give the grants by their own names: those of an app that people sign in to, if none is named."""
    named = wanted.grants or (
        ("authorization_code", "refresh_token") if wanted.redirect_uris else ("client_credentials",)
    )
    for name in named:
        if name not in GRANT_NAMES:
            raise InvalidAccountError(f"'{name}' is no grant: there are {', '.join(GRANT_NAMES)}")
    return [GRANT_NAMES[name] for name in dict.fromkeys(named)]


def _check(wanted: Wanted, grants: list[str]) -> None:
    """Raise InvalidAccountError for the first thing that cannot be."""
    if not wanted.name.strip() or len(wanted.name) > _LONGEST_NAME or not wanted.name.isprintable():
        raise InvalidAccountError(f"a client's name is 1 to {_LONGEST_NAME} characters that can be seen")
    back = wanted.backchannel_logout_uri
    _check_uris("--redirect-uri", wanted.redirect_uris)
    _check_uris("--post-logout-redirect-uri", wanted.post_logout_redirect_uris)
    _check_uris("--backchannel-logout-uri", (back,) if back else ())
    for scope in wanted.scopes:
        if not scopes.SCOPE.fullmatch(scope):
            raise InvalidAccountError(f"'{scope}' is no scope: use 1 to 64 of a-z, A-Z, 0-9 and ._:/-")
    for audience in wanted.audiences:
        if not _AUDIENCE.fullmatch(audience):
            raise InvalidAccountError(f"'{audience}' is no audience: name the mesh, or a URI of the API")
    acts = {GRANT_NAMES["client_credentials"], GRANT_NAMES["token_exchange"]} & set(grants)
    with_code = GRANT_NAMES["authorization_code"] in grants
    mistakes = {
        "say where people are sent back to, by --redirect-uri": with_code and not wanted.redirect_uris,
        "--redirect-uri goes with the grant authorization_code": wanted.redirect_uris and not with_code,
        "--backchannel-logout-uri must be http or https": back and not back.startswith("http"),
        "a public client cannot prove who it is, and so not act for itself": wanted.public and acts,
        "--role is for a client that acts for itself: --grant client_credentials": (
            wanted.roles and GRANT_NAMES["client_credentials"] not in grants
        ),
    }
    for said, wrong in mistakes.items():
        if wrong:
            raise InvalidAccountError(said)


def _check_uris(what: str, uris: Iterable[str]) -> None:
    for uri in uris:
        if wrong := redirect_uri.mistake(uri):
            raise InvalidAccountError(f"{what} {uri}: {wrong}")


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
