"""`pillion audit`: who did what, hop by hop, as the Envoys wrote it down."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from pillion.audit import printed, record, words
from pillion.audit.hops import hops
from pillion.audit.line import Line, parse
from pillion.audit.record import Damage
from pillion.cli import topology_option
from pillion.cli.moment import Moment
from pillion.local import folder
from pillion.local.output import stamp
from pillion.local.tail import Tail

_POLL_SECONDS: Final = 0.1

Wanted = Callable[[Line], bool]


@click.command
@click.argument("source", metavar="[-]", required=False, type=click.Choice(["-"]))
@topology_option.option
@click.option("--request", "request_id", metavar="ID", help="One request, as a tree of its hops.")
@click.option("--user", metavar="EMAIL|SUB", help="Only lines that name this user.")
@click.option("--service", metavar="NAME", help="Only lines of this service's Envoy, or of the edge's.")
@click.option("--denied", is_flag=True, help="Only where an Envoy said no to the caller.")
@click.option(
    "--since", type=Moment(), metavar="WHEN", help="Only from then on: 10m, or 2026-01-31T12:00:00Z."
)
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone: a line each, or one tree.")
def command(  # noqa: PLR0913 - one for each option
    *,
    source: str | None,
    file: Path | None,
    request_id: str | None,
    user: str | None,
    service: str | None,
    since: datetime | None,
    denied: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Print who did what: a line for each request at each Envoy, the oldest first.

    A call from one service to another has two: at its caller's egress, and at the service that was called. With
    --request these are one hop of a tree, in which each hop stands below the one that led to it. The id of a
    request is in every refusal, and at services in x-request-id.

    In a cluster the Envoys print it: '-' reads it from standard input, as kubectl or stern hands it on; what else
    is printed there is left out. --user then takes the id alone.

    \b
    Example:
        pillion audit --denied --since 10m
        pillion audit --user ada@example.com --follow
        pillion audit --request 5f0c7f5e-7f0b-4b39-9d65-6d8a4a3f7a11
        kubectl logs -l pillion.dev/service -c pillion-sidecar --prefix --tail=-1 | pillion audit - --denied
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    if request_id is not None and (user or service or since or denied or follow):
        raise click.UsageError("--request shows all of one request: leave the other options out, but --json")
    if source is not None:
        _printed(request_id, user, service, since, denied=denied, follow=follow, as_json=as_json)
        return
    state = folder.of(topology_option.locate(file))
    try:
        paths = record.files(state.audit, service)
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from None
    damage = Damage()
    if request_id is not None:
        _tree(request_id, record.of_request(paths, request_id, damage), as_json=as_json)
    else:
        wanted = _wanted(_sub(file, user), since, denied=denied)
        tails = [Tail(path) for path in paths] if follow else []
        lengths = {tail.path: tail.begin for tail in tails}
        _list(record.past(paths, damage, lengths=lengths), wanted, as_json=as_json)
        _list(_added(tails, damage), wanted, as_json=as_json)
    if damage.lines:
        click.echo(f"{damage.lines} damaged lines in {state.audit} were left out", err=True)


def _printed(  # noqa: PLR0913 - one for each option
    request_id: str | None,
    user: str | None,
    service: str | None,
    since: datetime | None,
    *,
    denied: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Do the same with what pods have printed: all is read first, and put in order, unless it is followed."""
    if _is_address(user):
        raise click.UsageError(
            "no log holds an address: with '-', say the id, as 'pillion user list --json' has it"
        )
    read = printed.lines(iter(sys.stdin.buffer.readline, b""))
    if request_id is not None:
        every = list(read)
        _tree(request_id, record.reached_by(request_id, every, lambda _: every), as_json=as_json)
        return
    chosen = _wanted(user, since, denied=denied)

    def wanted(line: Line) -> bool:
        return (service is None or line.service == service) and chosen(line)

    _list(read if follow else sorted(read, key=lambda line: line.time), wanted, as_json=as_json)


def _tree(request_id: str, lines: Iterable[Line], *, as_json: bool) -> None:
    found = hops(lines)
    if not found:
        raise click.ClickException(
            f"no request '{words.visible(request_id)}' is on record: write the whole 'request_id' of a refusal, "
            "or of a line that 'pillion audit' shows"
        )
    if as_json:
        click.echo(json.dumps(words.document(request_id, found), indent=2))
    else:
        for row in words.tree(request_id, found):
            click.echo(row)


def _list(lines: Iterable[Line], wanted: Wanted, *, as_json: bool) -> None:
    for line in lines:
        if wanted(line):
            click.echo(json.dumps(line.raw) if as_json else words.entry(line))


def _added(tails: list[Tail], damage: Damage) -> Iterator[Line]:
    """Give what is written from now on, without end; of no files, nothing."""
    while tails:
        for raw in [raw for tail in tails for raw in tail.added()]:
            if line := parse(raw):
                yield line
            else:
                damage.lines += 1
        time.sleep(_POLL_SECONDS)


def _wanted(sub: str | None, since: datetime | None, *, denied: bool) -> Wanted:
    begin = stamp(since) if since else ""

    def wanted(line: Line) -> bool:
        return line.time >= begin and (not denied or line.denied) and (sub is None or line.sub == sub)

    return wanted


def _sub(file: Path | None, user: str | None) -> str | None:
    """Give the id of an account by its address, which no log holds; an id stays as it is."""
    if not _is_address(user):
        return user
    from pillion.cli.identity import identity_errors, open_identity  # noqa: PLC0415 - Django only if needed

    open_identity(file)
    from pillion.identity import accounts  # noqa: PLC0415

    with identity_errors():
        return accounts.find_user(user or "").sub


def _is_address(user: str | None) -> bool:
    """Tell it from an id, which another issuer's user has as NAME:USER and a workload as a SPIFFE ID."""
    return user is not None and "@" in user and "://" not in user and ":" not in user.partition("@")[0]
