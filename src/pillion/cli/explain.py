"""The question that `pillion check --explain` is asked, out of its options, and its answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import click

from pillion import plan
from pillion.cli.identity import identity_errors, open_identity
from pillion.plan import explain
from pillion.plan.conditions import OWN, Caller
from pillion.plan.paths import WELL_FORMED
from pillion.topology import Topology
from pillion.topology.wording import did_you_mean
from pillion.topology.words import METHODS

ANYONE: Final = "anyone"
# The plan needs to know where identity listens, which decides nothing.
_NOWHERE: Final = plan.UnixSocket(path="run/identity.sock")


@dataclass(frozen=True)
class Question:
    """What is asked, as the options say it."""

    method: str
    target: str
    who: str | None
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    mfa: bool
    claims: IO[str] | None
    calling: str | None


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options by which a request is described."""
    for option in (
        click.option(
            "--caller", "calling", metavar="SERVICE", help="The service that sends it; PATH is a URL."
        ),
        click.option(
            "--claims", type=click.File(encoding="utf-8"), metavar="FILE", help="What the token says, JSON."
        ),
        click.option("--mfa", is_flag=True, help="With a second factor shown."),
        click.option(
            "--scope", "scopes", multiple=True, metavar="S", help="With a token that has this scope too."
        ),
        click.option("--role", "roles", multiple=True, metavar="R", help="As somebody with this role."),
        click.option(
            "--as", "who", metavar="EMAIL", help="As this account, or as 'anyone', who has no token."
        ),
        click.option(
            "--explain",
            "request",
            nargs=2,
            metavar="METHOD PATH",
            help="Say which rule decides this request.",
        ),
    ):
        command = option(command)
    return command


def question(request: tuple[str, str] | None, **described: Any) -> Question | None:
    """Put the options together; None if nothing is to be explained. Raises UsageError where they do not fit."""
    if request is None:
        given = [name for name, value in described.items() if value]
        if given:
            raise click.UsageError("--as, --role, --scope, --mfa, --claims and --caller go with --explain")
        return None
    asked = Question(*request, **described)
    if asked.method not in METHODS:
        near = did_you_mean(asked.method.upper(), METHODS)
        raise click.UsageError(f"'{asked.method}' is no method that a rule can name; {near or 'GET is one'}")
    if asked.who is not None and asked.roles:
        raise click.UsageError("--as EMAIL knows the roles: leave --role out, or --as")
    if asked.who == ANYONE and (asked.scopes or asked.mfa):
        raise click.UsageError("--as anyone has no token: leave --scope and --mfa out")
    if asked.claims is not None and (asked.who or asked.roles or asked.scopes or asked.mfa):
        raise click.UsageError("--claims says all of the token: leave --as, --role, --scope and --mfa out")
    return asked


def answer(file: Path, topology: Topology, asked: Question) -> explain.Explanation:
    """Explain; raises UsageError or ClickException for what cannot be."""
    planned = plan.build(topology, plan.assign(topology), _NOWHERE)
    caller = _caller(file, planned, asked)
    if asked.calling is None:
        return explain.at_the_edge(planned, explain.Request(asked.method, _well_formed(asked.target)), caller)
    known = set(topology.services)
    if asked.calling not in known:
        near = did_you_mean(asked.calling, known) or f"'{min(known)}' is one"
        raise click.UsageError(f"no service is named '{asked.calling}'; {near}")
    called, target = _called(asked.target, known)
    request = explain.Request(asked.method, _well_formed(target))
    return explain.between(planned, asked.calling, called, request, caller)


def _called(url: str, known: set[str]) -> tuple[str, str]:
    """Split what a service calls, http://NAME/PATH."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.netloc not in known:
        example = f"http://{min(known)}/"
        raise click.UsageError(f"with --caller, write what it calls, as {example}: '{url}' names no service")
    return parts.netloc, url.removeprefix(f"http://{parts.netloc}") or "/"


def _well_formed(target: str) -> str:
    if not WELL_FORMED.fullmatch(target):
        raise click.UsageError(
            f"'{target}' is no path as it goes over the wire: it begins with '/', and a blank is %20, for instance"
        )
    return target


def _caller(file: Path, planned: plan.Plan, asked: Question) -> Caller:
    if asked.claims is not None:
        return _with_claims(planned, asked.claims)
    if asked.who not in {None, ANYONE}:
        return Caller(_account(file, str(asked.who), asked))
    if asked.who == ANYONE or not (asked.roles or asked.scopes or asked.mfa):
        return Caller()
    from pillion.identity import tokens  # noqa: PLC0415 - Django only where it is needed

    grant = tokens.Grant(
        sub="somebody",
        sid="somebody's",
        client_id="edge",
        email=None,
        roles=asked.roles,
        auth_time=None,
        amr=tokens.TWO_FACTORS if asked.mfa else tokens.ONE_FACTOR,
        scope=" ".join((tokens.SCOPE, *asked.scopes)),
    )
    verification = planned.verification
    return Caller(tokens.claims_of(tokens.Realm(verification.issuer, verification.audience), grant))


def _account(file: Path, email: str, asked: Question) -> dict[str, Any]:
    from pillion.local import folder  # noqa: PLC0415 - only where it is needed

    if not folder.of(file).root.is_dir():
        raise click.ClickException(
            f"no account is known here: nothing was ever started beside {file.name}. Describe somebody by --role"
        )
    open_identity(file)
    from pillion.identity import accounts  # noqa: PLC0415 - as above

    with identity_errors():
        return accounts.claims_of(email, scopes=asked.scopes, mfa=asked.mfa)


def _with_claims(planned: plan.Plan, claims: IO[str]) -> Caller:
    try:
        said = json.load(claims)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise click.UsageError(f"{claims.name}: what a token says is one JSON object, as in its middle part")
    verification = planned.verification
    issuers = {verification.issuer: OWN, **{one.issuer: one.name for one in verification.trusted}}
    issuer = said.get("iss", verification.issuer)
    if not isinstance(issuer, str) or issuer not in issuers:
        raise click.UsageError(
            f"{claims.name}: no issuer {json.dumps(issuer)} is trusted here (401 token-invalid)"
        )
    return Caller(said, issuers[issuer])
