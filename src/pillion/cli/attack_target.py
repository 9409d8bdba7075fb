"""What `pillion attack` is told of the mesh that runs here: its addresses, and accounts made for the run."""

import os
import secrets
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import psutil

from pillion.attack import jose, people, survey, wire
from pillion.attack.bait import Bait, listening
from pillion.attack.target import Account, Browser, Client, Door, Place, Target
from pillion.cli import topology_option
from pillion.cli.identity import identity_errors, open_identity
from pillion.local import LocalError, folder
from pillion.local import status as local
from pillion.topology import Topology
from pillion.vocabulary import Cookies, cookies

# Reserved (RFC 2606): nobody is ever mailed there.
_DOMAIN: Final = "pillion.invalid"
_PREFIX: Final = "attack-"
_LIFETIME: Final = timedelta(minutes=10)
_OWN: Final = frozenset({"edge", "sidecar", "identity", "control"})
_KEYS_PATH: Final = "/.well-known/jwks.json"
_LONGEST_SOCKET: Final = 100


@contextmanager
def target_of(file: Path | None) -> Iterator[Target]:
    """Give the running mesh as a target; what was made for it is removed when the block ends, however it ends."""
    path, topology = topology_option.read(file)
    try:
        running = local.look(path)
    except LocalError as error:
        raise click.ClickException(str(error)) from None
    if running.supervisor is None:
        raise click.ClickException("nothing runs: start it with 'pillion up'")
    if not running.ready:
        raise click.ClickException("the mesh is not ready: 'pillion status' says what it waits for")
    open_identity(file)
    with identity_errors(), listening() as bait, _made(topology, bait) as made:
        yield _target(path, topology, running, bait, made)


@dataclass(frozen=True)
class _Made:
    user: Account
    other: Account
    leaver: Account
    client: Client
    token: str
    expired: str


@contextmanager
def _made(topology: Topology, bait: Bait) -> Iterator[_Made]:
    """Make accounts and a client, and remove them in the end."""
    from pillion.identity import accounts, changes  # noqa: PLC0415 - Django only where it is needed
    from pillion.identity.oauth import client_care, client_metadata  # noqa: PLC0415

    mark = secrets.token_hex(8)
    with changes.by(changes.command_line()):
        _remove(since=_LIFETIME)
        try:
            names = ("user", "other", "leaver")
            made = [_account(f"{_PREFIX}{name}-{mark}@{_DOMAIN}") for name in names]
            for account in made:
                accounts.add_user(account.email, account.password)
            audience = f"https://{_PREFIX}{mark}.invalid"
            client, secret = client_care.add(
                client_metadata.Wanted(
                    name=f"{_PREFIX}{mark}",
                    first_party=True,
                    redirect_uris=(f"{bait.url}/callback",),
                    grants=("authorization_code", "refresh_token", "client_credentials"),
                    audiences=(topology.mesh, audience),
                    backchannel_logout_uri=f"{bait.url}/logout",
                )
            )
            yield _Made(
                made[0],
                made[1],
                made[2],
                Client(client.client_id, secret or "", f"{bait.url}/callback", audience),
                accounts.issue_token(made[0].email, _LIFETIME),
                accounts.issue_token(made[0].email, timedelta(seconds=1)),
            )
        finally:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave them there
            _remove(mark)
            signal.signal(signal.SIGINT, before)


def _account(email: str) -> Account:
    return Account(email, secrets.token_urlsafe(24))


def _remove(mark: str = "", since: timedelta = timedelta()) -> None:
    """Remove what was made for a run: of `mark`, or of one that was killed before it could."""
    from pillion.identity import accounts  # noqa: PLC0415
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    before = datetime.now(UTC) - since
    for account in accounts.list_users():
        ours = account.email.startswith(_PREFIX) and account.email.endswith(f"{mark}@{_DOMAIN}")
        if ours and account.joined <= before:
            accounts.delete_user(account.email)
    for client in client_care.list_clients():
        if client.name.startswith(_PREFIX) and client.name.endswith(mark) and client.created <= before:
            client_care.delete(client.client_id)


def _target(path: Path, topology: Topology, running: local.Status, bait: Bait, made: _Made) -> Target:
    entries = [shown.entry for shown in running.workloads]
    edge = _edge(topology, path.parent)
    names = cookies(secure=topology.edge.origin.startswith("https://"))
    found = wire.request(edge, "GET", _KEYS_PATH).json()
    kid = jose.header(made.token)["kid"]
    return Target(
        origin=topology.edge.origin,
        edge=edge,
        sidecars=tuple(_door(e.name, "sidecar", e.address) for e in entries if e.kind == "sidecar"),
        egresses=tuple(_door(e.name, "egress", e.egress) for e in entries if e.egress),
        services=tuple(
            _door(e.name, "service", e.address)
            for e in entries
            if e.kind == "service" and not e.address.startswith("unix:")
        ),
        insides=_insides(path),
        strays=_strays(entries),
        calls=frozenset(
            (caller, callee) for caller, service in topology.services.items() for callee in service.calls
        ),
        cookies=names,
        places=survey.look(edge, made.token, _candidates(topology)),
        key=next(key for key in found["keys"] if key["kid"] == kid),
        user=made.user,
        other=made.other,
        leaver=made.leaver,
        client=made.client,
        token=made.token,
        browser=_browser(edge, made.user, names),
        attacker=_browser(edge, made.other, names),
        expired=made.expired,
        bait=bait,
        elsewhere=_elsewhere(edge),
    )


def _browser(edge: Door, account: Account, names: Cookies) -> Browser:
    answer = people.try_to_sign_in(edge, account)
    browser = people.signed_in(answer, names)
    if browser is None:
        raise click.ClickException(f"the account that was made cannot sign in: {answer}")
    return browser


def _edge(topology: Topology, beside: Path) -> Door:
    listen, tls = topology.edge.listen, topology.edge.tls
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect to, not to listen
    return Door(
        name="edge",
        kind="edge",
        host=everywhere.get(listen.host, listen.host),
        port=listen.port,
        authority=urlsplit(topology.edge.origin).netloc,
        tls=_trusting(beside / tls.certificate, "http/1.1") if tls else None,
        tls2=_trusting(beside / tls.certificate, "h2") if tls else None,
    )


def _trusting(certificate: Path, protocol: str) -> ssl.SSLContext:
    """Trust the edge's own certificate and no other, whoever signed that, under whatever name."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context


def _door(name: str, kind: Any, address: str) -> Door:
    host, _, port = address.rpartition(":")
    return Door(name=name, kind=kind, host=host.strip("[]"), port=int(port), authority=address)


def _insides(path: Path) -> tuple[Door, ...]:
    """Name the sockets of Pillion's own, which nobody but their owner may open."""
    run = folder.of(path).run
    kinds = {"control.sock": "control", "identity.sock": "identity"}
    doors = []
    for found in sorted(run.glob("*.sock")):
        name = min(str(found), os.path.relpath(found), key=len)
        kind: Any = kinds.get(found.name, "admin")
        if len(name) < _LONGEST_SOCKET:
            doors.append(Door(name=found.name.partition(".")[0], kind=kind, path=name))
    return tuple(doors)


def _strays(entries: list[Any]) -> tuple[str, ...]:
    """Find the addresses where Pillion's own processes listen, other than those that they are known by."""
    ports = {
        int(at.rpartition(":")[2])
        for e in entries
        for at in (e.address, e.egress)
        if at and ":" in at and not at.startswith("unix:")
    }
    found = set()
    for entry in entries:
        if entry.kind in _OWN and entry.pid is not None:
            found |= {
                f"{entry.name} at {at.laddr.ip}:{at.laddr.port}"
                for at in _listening(entry.pid)
                if at.laddr.port not in ports
            }
    return tuple(sorted(found))


def _listening(pid: int) -> list[Any]:
    try:
        process = psutil.Process(pid)
        every = [process, *process.children(recursive=True)]
        return [c for one in every for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def _candidates(topology: Topology) -> list[Place]:
    """Give the paths at the edge that the topology speaks of."""
    return [
        Place(path, name)
        for name, service in topology.services.items()
        if service.paths
        for path in dict.fromkeys((*service.paths, *(rule.path for rule in service.rules)))
    ]


def _elsewhere(edge: Door) -> str | None:
    """Find another address of this machine: on Linux all of 127.0.0.0/8 is."""
    if not edge.host.startswith("127."):
        return None
    address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return None
    return address
