"""`pillion check`: what is wrong with the topology, or in short what it says."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from pillion.cli import explain, explained, topology_option
from pillion.problem import InvalidInputError, Problem
from pillion.topology import Issuer, Rule, Topology
from pillion.topology.mail import stays_here
from pillion.topology.providers import CALLBACK, KNOWN


@click.command
@topology_option.option
@explain.options
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on standard output.")
def command(file: Path | None, *, as_json: bool, **described: Any) -> None:
    """Read the topology and say what is wrong with it, or with --explain, what becomes of a request.

    Every problem is one line with its place in the file. When there is none, prints in short which services
    there are, who calls whom, what is open to callers who are not signed in, what asks for a second factor, by
    which providers people sign in and where these are to send them back to, and which other issuers are trusted.

    With --explain it says which rule decides a request, and why, by the conditions that the Envoys are told. The
    request is a program's, and its token is good. Nothing needs to run; --as EMAIL looks into the accounts.

    \b
    Example:
        pillion check
        pillion check -f shop/pillion.yaml --json | jq '.problems[].message'
        pillion check --explain GET /api/orders/reports --as ada@example.org
        pillion check --explain GET /api/orders/reports --role manager --mfa
        pillion check --explain POST http://inventory/stock --caller orders
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    asked = explain.question(**described)
    try:
        named = topology_option.locate(file)
        path, topology = topology_option.read(file)
    except InvalidInputError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"ok": False, "problems": list(map(_as_json, error.problems))}, indent=2))
        click.get_current_context().exit(2)
    if asked is not None:
        _explain(path, topology, asked, as_json=as_json)
    elif as_json:
        click.echo(json.dumps({"ok": True, "problems": []}, indent=2))
    else:
        click.echo("\n".join(summary(str(named), topology)))


def _explain(file: Path, topology: Topology, asked: explain.Question, *, as_json: bool) -> None:
    found = explain.answer(file, topology, asked)
    if as_json:
        click.echo(json.dumps(explained.document(asked, found), indent=2))
    else:
        click.echo("\n".join(explained.lines(asked, found)))


def summary(file: str, topology: Topology) -> Iterator[str]:
    """Say in a few lines what the topology holds; openness above all, since it should be seen."""
    count = len(topology.services)
    services = "1 service" if count == 1 else f"{count} services"
    yield f"{file} is good: mesh {topology.mesh}, {services}, {topology.edge.origin}"
    yield ""
    yield from _table(
        (
            name,
            str(service.app),
            f"from the edge: {', '.join(service.paths)}" if service.paths else "not reachable from the edge",
            f"calls {', '.join(service.calls)}" if service.calls else "",
        )
        for name, service in topology.services.items()
    )
    yield ""
    opened = _requests(topology, lambda rule: rule.allow == "anyone")
    yield "Open to anyone:" if opened else "Nothing is open to callers who are not signed in."
    yield from _table(opened)
    if guarded := _requests(topology, lambda rule: rule.mfa):
        yield ""
        yield "Asking for a second factor:"
        yield from _table(guarded)
    if topology.identity.users:
        yield ""
        yield f"Passwords are checked at {topology.identity.users.url.partition('?')[0]}; nobody signs up here."
    elif topology.identity.mail is None and not stays_here(topology.edge.listen, topology.edge.origin):
        yield ""
        yield "No mail is sent: addresses stay unproven, forgotten passwords are yours to reset (identity.mail)."
    if topology.identity.providers:
        yield ""
        yield "People sign in besides by these; register there where each sends them back to:"
        yield from _table(
            (
                provider.title or KNOWN.get(name, name),
                topology.edge.origin + CALLBACK.format(name=name),
                f"roles from {provider.roles.claim}" if provider.roles else "",
            )
            for name, provider in topology.identity.providers.items()
        )
    if topology.trust:
        yield ""
        yield "Trusted besides this mesh's own tokens:"
        yield from _table(
            (name, f"{issuer.issuer} for {issuer.audience}", f"as {name}:USER{_mapped(issuer)}")
            for name, issuer in topology.trust.items()
        )


def _requests(topology: Topology, wanted: Callable[[Rule], bool]) -> list[tuple[str, str]]:
    """Say which requests to which service the wanted rules are for."""
    return [
        (name, f"{rule.path} and below, {', '.join(rule.methods) or 'any method'}")
        for name, service in topology.services.items()
        for rule in service.rules
        if wanted(rule)
    ]


def _mapped(issuer: Issuer) -> str:
    """Say what of its tokens services believe besides the user."""
    claims = {"email": issuer.claims.email, "roles": issuer.claims.roles}
    return "".join(f", {what} from {claim}" for what, claim in claims.items() if claim)


def _table(rows: Any) -> Iterator[str]:
    """Write rows of texts under each other, two blanks before each column."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "".join(f"  {cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _as_json(problem: Problem) -> dict[str, Any]:
    """Write a problem flat, its place as file, line and column."""
    return {
        **dataclasses.asdict(problem.place),
        "code": problem.code,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }
