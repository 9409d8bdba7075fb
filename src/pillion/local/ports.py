"""The sidecars' ports: free ones, and the same from one `up` to the next as long as they are free."""

import errno
import hashlib
import json
import socket
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from pillion.local.folder import StateFolder, write_privately
from pillion.plan import Address, Ports, assign
from pillion.plan.ports import FIRST_PORT, LOOPBACK
from pillion.topology import Topology

# Meshes begin at different ports, so that two that start at the same moment don't pick the same free one.
_STRIDE: Final = 32
_STARTS: Final = 500  # FIRST_PORT + 500 * 32 is still below Linux's ephemeral range, which begins at 32768


class _Pair(BaseModel):
    inbound: int
    egress: int


_KEPT: Final = TypeAdapter(dict[str, _Pair])


def choose(
    topology: Topology, folder: StateFolder, running: Mapping[str, Ports] | None = None
) -> Mapping[str, Ports]:
    """Choose every sidecar's two ports, and write them down in ports.json for the next time.

    Those that are `running`, by their services' names, keep theirs.
    """
    running = running or {}
    names = sorted(topology.services.keys() - running.keys())
    others = topology.model_copy(update={"services": {name: topology.services[name] for name in names}})
    fresh = _candidates(names, _kept(folder), _own(topology), _first(folder))
    ports = {
        **assign(others, fresh),
        **{name: running[name] for name in running if name in topology.services},
    }
    chosen = {name: {"inbound": p.inbound.port, "egress": p.egress.port} for name, p in ports.items()}
    write_privately(folder.ports, json.dumps(chosen, indent=1))
    return ports


def is_free(address: Address) -> bool:
    """Say whether something could listen at `address` now; raises OSError for any other trouble with it."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As a server would: connections that linger from the last run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _candidates(
    names: list[str], kept: Mapping[str, _Pair], own: frozenset[int], first: int
) -> Iterator[int]:
    """Give the ports in the order in which `assign` takes them: of each name inbound, then egress."""
    reserved = {port for name in names if name in kept for port in (kept[name].inbound, kept[name].egress)}
    fresh = (port for port in count(first) if port not in reserved | own and _usable(port))
    given: set[int] = set()
    for name in names:
        pair = kept.get(name)
        for port in (pair.inbound, pair.egress) if pair else (0, 0):
            good = port and port not in own and port not in given and _usable(port)
            chosen = port if good else next(fresh)
            given.add(chosen)
            yield chosen


def _usable(port: int) -> bool:
    try:
        return is_free(Address(host=LOOPBACK, port=port))
    except OSError:
        return False


def _own(topology: Topology) -> frozenset[int]:
    addresses = (topology.edge.listen, *(service.app for service in topology.services.values()))
    return frozenset(address.port for address in addresses if isinstance(address, Address))


def _first(folder: StateFolder) -> int:
    digest = hashlib.sha256(str(folder.root).encode()).digest()
    return FIRST_PORT + _STRIDE * (int.from_bytes(digest[:4], "big") % _STARTS)


def _kept(folder: StateFolder) -> Mapping[str, _Pair]:
    try:
        return _KEPT.validate_json(folder.ports.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
