"""`pillion session`: what people are signed in with."""

import json
from typing import TYPE_CHECKING

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity
from pillion.cli.spread import refused

if TYPE_CHECKING:  # Django only where it is needed
    from collections.abc import Sequence

    from pillion.identity.session_care import LiveSession


@click.group(cls=Group)
def command() -> None:
    """List and revoke what people are signed in with.

    \b
    Example:
        pillion session list --user ada@example.org
        pillion session revoke --user ada@example.org
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command(name="list")
@click.option("--user", "email", metavar="EMAIL", help="Only the sessions of this account.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def list_(email: str | None, *, as_json: bool) -> None:
    """List the sessions that are alive, the latest first.

    The id is what tokens and the audit log call `sid`: it is no secret, and lets nobody in.

    \b
    Example:
        pillion session list --json | jq -r '.[] | select(.address == "192.0.2.7") | .sid'
    """  # noqa: D301
    from pillion.identity import session_care  # noqa: PLC0415

    found = session_care.list_sessions(email)
    if as_json:
        click.echo(json.dumps([session.document() for session in found], indent=2))
    elif not found:
        click.echo("nobody is signed in" if email is None else f"{email} is not signed in")
    else:
        _table(found)


@command.command()
@click.option("--session", "sid", metavar="ID", help="The session with this id.")
@click.option("--user", "email", metavar="EMAIL", help="All sessions of this account.")
@with_identity
def revoke(sid: str | None, email: str | None) -> None:
    """Revoke sessions: they are renewed no more, and every Envoy refuses their tokens from now on.

    Returns when all Envoys that are connected have acknowledged, and says how long that took; the exit code is 1
    if one has not.

    \b
    Example:
        pillion session revoke --user ada@example.org
    """  # noqa: D301
    from pillion.identity import session_care  # noqa: PLC0415

    if (sid is None) == (email is None):
        raise click.UsageError("say what to revoke: --session ID, or --user EMAIL")
    count, spread = session_care.until_refused(
        lambda: session_care.revoke_session(sid) if sid else session_care.revoke_sessions_of(email or "")
    )
    if count == 0:
        click.echo("it was revoked before" if sid else f"{email} was not signed in")
        spread = session_care.revoked_before(sid, email)
        if spread is not None:
            refused(spread)
        return
    click.echo("revoked 1 session" if count == 1 else f"revoked {count} sessions")
    refused(spread)


def _table(found: "Sequence[LiveSession]") -> None:
    width = max(len(session.email) for session in found)
    for session in found:
        used = session.last_used.astimezone().strftime("%Y-%m-%d %H:%M")
        where = " ".join(filter(None, (session.address, _printable(session.user_agent))))
        click.echo(
            f"{session.sid}  {session.email:{width}}  {used}  {session.client_id:11}  {where}".rstrip()
        )


def _printable(text: str) -> str:
    """Anybody chooses what their browser calls itself; nothing of it is to act on a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)[:60]
