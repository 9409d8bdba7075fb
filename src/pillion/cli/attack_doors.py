"""The doors of the mesh that runs here, for `pillion attack`: its ports and sockets, and what opens them."""

import json
import os
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from pillion.attack.target import Door
from pillion.envoy import names
from pillion.local.folder import StateFolder
from pillion.local.record import Entry
from pillion.topology import Topology

_OWN: Final = frozenset({"edge", "sidecar", "identity", "control"})
_EDGE: Final = "edge"
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect to, not to listen
# unix(7): the length of a socket's path.
_LONGEST: Final = 100


def edge_door(topology: Topology, beside: Path) -> Door:
    """Give the edge, and what its certificate is checked with: that itself, and no other."""
    listen, tls = topology.edge.listen, topology.edge.tls
    return Door(
        name=_EDGE,
        kind="edge",
        host=_EVERYWHERE.get(listen.host, listen.host),
        port=listen.port,
        authority=urlsplit(topology.edge.origin).netloc,
        tls=_trusting(beside / tls.certificate, "http/1.1") if tls else None,
        tls2=_trusting(beside / tls.certificate, "h2") if tls else None,
    )


def doors(entries: Iterable[Entry], folder: StateFolder) -> dict[str, tuple[Door, ...]]:
    """Give the doors of sidecars, egresses and services that can be reached from here, by their kind."""
    found: dict[str, list[Door]] = {"sidecar": [], "egress": [], "service": []}
    for entry in entries:
        if entry.kind == "sidecar":
            found["sidecar"].append(_door(entry.name, "sidecar", entry.address, folder))
        if entry.egress and not apart(entry):
            found["egress"].append(_door(entry.name, "egress", entry.egress, folder))
        if entry.kind == "service" and not entry.address.startswith("unix:") and not apart(entry):
            found["service"].append(_door(entry.name, "service", entry.address, folder))
    return {kind: tuple(some) for kind, some in found.items()}


def apart(entry: Entry) -> bool:
    """Say whether it is isolated, and truly in another network: its addresses are others' here, and left alone."""
    if not entry.isolated or entry.pid is None:
        return False
    try:
        theirs, ours = (Path(f"/proc/{who}/ns/net").stat() for who in (entry.pid, "self"))
    except OSError:
        return False
    return theirs.st_ino != ours.st_ino


def stolen(door: Door, workload: str, folder: StateFolder) -> Door:
    """Give a door as for somebody who has stolen the certificate of a workload, and its key."""
    written = json.loads((folder.certificates / workload / names.secret_file(names.SVID)).read_bytes())
    pair = written["resources"][0]["tls_certificate"]
    return showing(door, pair["certificate_chain"]["inline_string"] + pair["private_key"]["inline_string"])


def showing(door: Door, pair: str) -> Door:
    """Give a door as for somebody who shows a certificate there; `pair` is that and its key, as PEM."""
    contexts = []
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # 0600, where OpenSSL reads them
        file.write(pair)
        file.flush()
        for protocol in ("http/1.1", "h2"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = (
                False,
                ssl.CERT_NONE,
            )  # whom it asks is no thief's worry
            context.load_cert_chain(file.name)
            context.set_alpn_protocols([protocol])
            contexts.append(context)
    return door.by_tls(*contexts)


def peers(topology: Topology) -> Mapping[str, tuple[str, ...]]:
    """Say for each service which workloads may call it: the edge first, if it has paths."""
    return {
        name: (
            *((_EDGE,) if service.paths else ()),
            *(caller for caller, other in topology.services.items() if name in other.calls),
        )
        for name, service in topology.services.items()
    }


def insides(folder: StateFolder) -> tuple[Door, ...]:
    """Name the sockets of Pillion's own, which nobody but their owner may open."""
    kinds = {"control.sock": "control", "identity.sock": "identity"}
    found = []
    for socket in sorted(folder.run.glob("*.sock")):
        kind: Any = kinds.get(socket.name, "admin")
        if len(path := _shortest(socket)) < _LONGEST:
            found.append(Door(name=socket.name.partition(".")[0], kind=kind, path=path))
    return tuple(found)


def strays(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Find the addresses where Pillion's own processes listen, other than those that they are known by."""
    entries = tuple(entries)
    written = (at for entry in entries for at in (entry.address, entry.egress) if at)
    known = {int(at.rpartition(":")[2]) for at in written if not at.startswith("unix:")}
    return tuple(
        f"{entry.name} at {at.laddr.ip}:{at.laddr.port}"
        for entry in entries
        if entry.kind in _OWN and entry.pid is not None
        for at in _listening(entry.pid)
        if at.laddr.port not in known
    )


def _door(name: str, kind: Any, address: str, folder: StateFolder) -> Door:
    if address.startswith("unix:"):
        return Door(
            name=name, kind=kind, path=_shortest(folder.root / address.removeprefix("unix:")), authority=name
        )
    host, _, port = address.rpartition(":")
    return Door(name=name, kind=kind, host=host.strip("[]"), port=int(port), authority=address)


def _shortest(socket: Path) -> str:
    return min(str(socket), os.path.relpath(socket), key=len)


def _trusting(certificate: Path, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context


def _listening(pid: int) -> list[Any]:
    try:
        process = psutil.Process(pid)
        every = [process, *process.children(recursive=True)]
        return [c for one in every for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []
