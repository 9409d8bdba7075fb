"""A real control on a real database of identity's, and a client that speaks to it as an Envoy does."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from envoy_data_plane.google.rpc import Status
from grpclib.client import Channel, Stream
from grpclib.const import Cardinality

from pillion.control import credentials
from pillion.control.resources import TYPE_URL
from pillion.envoy.names import REVOCATIONS, VERIFICATION
from pillion.plan.model import Issuer
from tests.local.waiting import until

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
ENVOYS = {"edge": "edge", "orders": "sidecar", "inventory": "sidecar"}
BOTH = (VERIFICATION, REVOCATIONS)


@dataclass(frozen=True)
class Control:
    """A control; `folder` is its state folder, `log` what it has said."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    name: str = "control"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.name}.sock"

    @property
    def log(self) -> str:
        """Give what it has said so far."""
        return (self.folder / f"{self.name}.log").read_text(encoding="utf-8")

    def credential(self, workload: str) -> str:
        """Give what that workload proves itself with."""
        return credentials.credential(credentials.read_key(self.folder / "control.key"), workload)

    def report(self) -> dict[str, Any]:
        """Give what it has written down of the Envoys."""
        found = ask(self.folder, "SELECT document FROM identity_controlreport")
        return dict(json.loads(found[0][0])) if found else {"envoys": [], "missing": []}

    def told(self, node: str) -> dict[str, Any]:
        """Give what it has written down of one Envoy; empty if that is not connected."""
        return next((dict(envoy) for envoy in self.report()["envoys"] if envoy["node"] == node), {})


def ask(folder: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask identity's database, or change it."""
    with closing(sqlite3.connect(folder / "identity.sqlite3", timeout=10, isolation_level=None)) as database:
        return database.execute(query, values).fetchall()


def prepare(folder: Path) -> None:
    """Make identity's database, as `pillion up` has it made, and control's configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = {"mesh": "proof", "origin": "http://localhost:8080", "state": str(folder)}
    (folder / "identity.json").write_text(json.dumps(identity), encoding="utf-8")
    environ = {**os.environ, "PILLION_IDENTITY_CONFIG": str(folder / "identity.json")}
    subprocess.run(
        [sys.executable, "-m", "pillion.identity", "prepare"], env=environ, check=True, capture_output=True
    )
    credentials.ensure_key(folder / "control.key")
    configure(folder)


def configure(
    folder: Path, envoys: Mapping[str, str] | None = None, trust: Sequence[Issuer] = (), **others: Any
) -> None:
    """Write control's configuration, in one step; `others` are keys of it that are to be otherwise."""
    config: dict[str, Any] = {
        "instance": "test",
        "issuer": "http://localhost:8080",
        "audience": "proof",
        "max_lifetime": 3600,
        "envoys": dict(envoys or ENVOYS),
        "database": str(folder / "identity.sqlite3"),
        "credentials": str(folder / "control.key"),
        "known": str(folder / "envoy"),
        "trust": [asdict(issuer) for issuer in trust],
        **others,
    }
    draft = folder / "control.json.new"
    draft.write_text(json.dumps(config), encoding="utf-8")
    draft.replace(folder / "control.json")


@contextmanager
def control(
    folder: Path, *, ready: bool = True, environ: Mapping[str, str] | None = None, name: str = "control"
) -> Iterator[Control]:
    """Run control on a prepared folder until the block ends; it is killed if it has not ended by then.

    `name` tells several on one folder apart, by their sockets and logs.
    """
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pillion.control", "--uds", str(folder / f"{name}.sock")],
            env={**os.environ, "PILLION_CONTROL_CONFIG": str(folder / "control.json"), **(environ or {})},
            stderr=log,
        )
    started = Control(folder, process, name)
    try:
        if ready:
            until(lambda: listens(started.socket), "control listens")
        yield started
    finally:
        process.kill()
        process.wait()


def listens(socket: Path) -> bool:
    """Say whether something accepts connections there."""

    async def connect() -> None:
        _, writer = await asyncio.open_unix_connection(socket)
        writer.close()

    try:
        asyncio.run(connect())
    except OSError:
        return False
    return True


def stop(running: Control) -> int:
    """Ask control to end, as `pillion up` does; gives its exit code."""
    running.process.send_signal(signal.SIGTERM)
    return running.process.wait(timeout=10)


@dataclass
class Envoy:
    """One stream, as an Envoy has it."""

    stream: "Stream[DeltaDiscoveryRequest, DeltaDiscoveryResponse]"

    async def subscribe(self, node: str, *names: str, had: Mapping[str, str] | None = None) -> None:
        """Say who this is, and what is wanted."""
        await self.stream.send_message(
            DeltaDiscoveryRequest(
                node=Node(id=node),
                type_url=TYPE_URL,
                resource_names_subscribe=list(names or BOTH),
                initial_resource_versions=dict(had or {}),
            )
        )

    async def receive(self) -> DeltaDiscoveryResponse:
        """Wait for what control sends."""
        received = await asyncio.wait_for(self.stream.recv_message(), 10)
        assert received is not None, "control has ended the stream"
        return received

    async def acknowledge(self, received: DeltaDiscoveryResponse, error: str = "") -> None:
        """Acknowledge what was sent, or refuse it."""
        detail = Status(message=error) if error else None
        await self.stream.send_message(
            DeltaDiscoveryRequest(type_url=TYPE_URL, response_nonce=received.nonce, error_detail=detail)
        )

    async def take(self, count: int) -> dict[str, str]:
        """Receive and acknowledge so many resources; gives their versions."""
        versions = {}
        for _ in range(count):
            received = await self.receive()
            [resource] = received.resources
            versions[resource.name] = resource.version
            await self.acknowledge(received)
        return versions


@asynccontextmanager
async def connected(running: Control, credential: str) -> AsyncIterator[Envoy]:
    """Open a stream with this credential."""
    shown = [("authorization", f"Bearer {credential}")]
    async with opened(Channel(path=str(running.socket)), shown) as stream:
        yield stream


@asynccontextmanager
async def opened(channel: Channel, shown: Sequence[tuple[str, str]]) -> AsyncIterator[Envoy]:
    """Open a stream with these headers."""
    try:
        stream: Any = channel.request(
            METHOD,
            Cardinality.STREAM_STREAM,
            DeltaDiscoveryRequest,
            DeltaDiscoveryResponse,
            metadata=shown,
        )
        await stream.__aenter__()  # its exit would raise what the test has looked at already
        await stream.send_request()
        yield Envoy(stream)
        # At once: the goodbye of TLS would outlive the test's event loop.
        stream._stream._transport.abort()  # noqa: SLF001
    finally:
        channel.close()


@asynccontextmanager
async def envoy(running: Control, node: str, *names: str) -> AsyncIterator[Envoy]:
    """Connect as the workload that `node` names, and ask for its resources."""
    async with connected(running, running.credential(node.partition("@")[0])) as opened:
        await opened.subscribe(node, *names)
        yield opened


def revoke(state: Path, lives: float = 60) -> str:
    """Write a revocation as identity does; gives the session's id."""
    sid = uuid.uuid4()
    ask(
        state,
        "INSERT INTO identity_revocation (sid, until) VALUES (?, ?)",
        sid.hex,
        int(time.time() + lives),
    )
    return str(sid)


def kid(state: Path) -> str:
    """Name the key that is there."""
    return str(ask(state, "SELECT kid FROM identity_signingkey")[0][0])
