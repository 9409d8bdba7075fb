"""What `pillion attack` is told of the mesh that runs here."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from pillion.attack import jose, people, survey, wire
from pillion.attack.bait import Bait, listening
from pillion.attack.target import Account, Browser, Door, Place, Target
from pillion.cli import attack_doors, topology_option
from pillion.cli.attack_accounts import Made, made
from pillion.cli.identity import identity_errors, open_identity
from pillion.local import LocalError, folder
from pillion.local import status as local
from pillion.topology import Topology
from pillion.vocabulary import Cookies, cookies

_KEYS_PATH: Final = "/.well-known/jwks.json"


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
    with identity_errors(), listening() as bait, made(topology.mesh, bait) as given:
        yield _target(path, topology, running, bait, given)


def _target(path: Path, topology: Topology, running: local.Status, bait: Bait, given: Made) -> Target:
    state = folder.of(path)
    entries = [shown.entry for shown in running.workloads]
    edge = attack_doors.edge_door(topology, path.parent)
    found = attack_doors.doors(entries, state)
    may_call = attack_doors.peers(topology)
    workloads = ("edge", *topology.services)
    names = cookies(secure=topology.edge.origin.startswith("https://"))
    keys = wire.request(edge, "GET", _KEYS_PATH).json()
    kid = jose.header(given.token)["kid"]
    return Target(
        origin=topology.edge.origin,
        edge=edge,
        sidecars=found["sidecar"],
        peers=tuple(
            attack_doors.stolen(door, may_call[door.name][0], state)
            for door in found["sidecar"]
            if may_call[door.name]
        ),
        intruders=tuple(
            attack_doors.stolen(door, workload, state)
            for door in found["sidecar"]
            for workload in [one for one in workloads if one not in may_call[door.name]][:1]
        ),
        egresses=found["egress"],
        services=found["service"],
        apart=tuple(entry.name for entry in entries if entry.kind == "service" and attack_doors.apart(entry)),
        insides=attack_doors.insides(state),
        strays=attack_doors.strays(entries),
        calls=frozenset((caller, callee) for caller, it in topology.services.items() for callee in it.calls),
        cookies=names,
        places=survey.look(edge, given.token, candidates(topology)),
        key=next(key for key in keys["keys"] if key["kid"] == kid),
        user=given.user,
        other=given.other,
        leaver=given.leaver,
        client=given.client,
        token=given.token,
        browser=_browser(edge, given.user, names),
        attacker=_browser(edge, given.other, names),
        expired=given.expired,
        bait=bait,
        isolated=any(entry.isolated for entry in entries),
        elsewhere=_elsewhere(edge),
    )


def _browser(edge: Door, account: Account, names: Cookies) -> Browser:
    answer = people.try_to_sign_in(edge, account)
    browser = people.signed_in(answer, names)
    if browser is None:
        raise click.ClickException(f"the account that was made cannot sign in: {answer}")
    return browser


def candidates(topology: Topology) -> list[Place]:
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
