"""The accounts and the client that `pillion attack` makes for a run, and removes after it."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pillion.attack.bait import Bait
from pillion.attack.target import Account, Client

# Reserved (RFC 2606): nobody is ever mailed there.
_DOMAIN: Final = "pillion.invalid"
_PREFIX: Final = "attack-"
_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Made:
    """What was made; `token` and `expired` are the user's, for ten minutes and for a second."""

    user: Account
    other: Account
    leaver: Account
    client: Client
    token: str
    expired: str


@contextmanager
def made(mesh: str, bait: Bait) -> Iterator[Made]:
    """Make accounts and a client, and remove them in the end, however it ends. Identity has to be open."""
    from pillion.identity import accounts, changes  # noqa: PLC0415 - Django only where it is needed
    from pillion.identity.oauth import client_care, client_metadata  # noqa: PLC0415

    mark = secrets.token_hex(8)
    with changes.by(changes.command_line()):
        _remove(older=_LIFETIME)
        try:
            user, other, leaver = (_account(name, mark) for name in ("user", "other", "leaver"))
            for account in (user, other, leaver):
                accounts.add_user(account.email, account.password)
            audience = f"https://{_PREFIX}{mark}.invalid"
            client, secret = client_care.add(
                client_metadata.Wanted(
                    name=f"{_PREFIX}{mark}",
                    first_party=True,
                    redirect_uris=(f"{bait.url}/callback",),
                    grants=("authorization_code", "refresh_token", "client_credentials"),
                    audiences=(mesh, audience),
                    backchannel_logout_uri=f"{bait.url}/logout",
                )
            )
            yield Made(
                user,
                other,
                leaver,
                Client(client.client_id, secret or "", f"{bait.url}/callback", audience),
                accounts.issue_token(user.email, _LIFETIME),
                accounts.issue_token(user.email, timedelta(seconds=1)),
            )
        finally:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave them there
            _remove(mark)
            signal.signal(signal.SIGINT, before)


def _account(name: str, mark: str) -> Account:
    return Account(f"{_PREFIX}{name}-{mark}@{_DOMAIN}", secrets.token_urlsafe(24))


def _remove(mark: str = "", older: timedelta = timedelta()) -> None:
    """Remove what was made for a run: that of `mark`, or all that are older, of runs that were killed."""
    from pillion.identity import accounts  # noqa: PLC0415
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    before = datetime.now(UTC) - older
    for account in accounts.list_users():
        ours = account.email.startswith(_PREFIX) and account.email.endswith(f"{mark}@{_DOMAIN}")
        if ours and account.joined <= before:
            accounts.delete_user(account.email)
    for client in client_care.list_clients():
        if client.name.startswith(_PREFIX) and client.name.endswith(mark) and client.created <= before:
            client_care.delete(client.client_id)
