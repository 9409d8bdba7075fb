"""The streams: a gRPC server for Envoy's delta ADS. Who cannot say who they are is told nothing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from envoy_data_plane.envoy.service.discovery.v3 import (
    AggregatedDiscoveryServiceBase,
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Server, Stream

from pillion.control.config import Kind
from pillion.control.proof import Proof, Shown
from pillion.control.resources import TYPE_URL, Resource, Resources
from pillion.control.subscription import Subscription

# Who connects has this long to say who they are.
INTRODUCTION_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
# grpclib copies what it sends, and a long list of revocations for a thousand Envoys is most of a gigabyte.
SENDING_AT_ONCE: Final = 64
# An Envoy that does not read has to come again.
SENDING_SECONDS: Final = 10.0
# When control comes back, every Envoy knocks within two seconds; the system may allow fewer.
BACKLOG: Final = 4096

_METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

_log = logging.getLogger("pillion.control")

AdsStream = Stream[Any, Any]


@dataclass(eq=False)
class Client:
    """One connected Envoy. `node` is its own name for itself, `workload` the one it has proved to be.

    `keys` and `revocation` are what it has acknowledged; `since` (seconds since the epoch) when it connected.
    """

    node: str
    workload: str
    kind: Kind
    since: float
    subscription: Subscription = field(default_factory=Subscription)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    keys: tuple[str, ...] = ()
    revocation: int = 0
    acknowledged: float | None = None


class Streams:
    """All connected Envoys, and what they are to be told. `changed` is called when any of it changes.

    `gone` says of a workload since when it might connect again: when its last Envoy went, or it was let in first
    (seconds since the epoch).
    """

    def __init__(self, proof: Proof, changed: Callable[[], None]) -> None:
        self.clients: set[Client] = set()
        self.gone: dict[str, float] = {}
        self._proof = proof
        self._changed = changed
        self._envoys: Mapping[str, Kind] = {}
        self._resources: Mapping[Kind, Resources] = {}
        self._meaning: dict[tuple[str, str], Resource] = {}
        self._turn = asyncio.Semaphore(SENDING_AT_ONCE)

    def admit(self, envoys: Mapping[str, Kind]) -> None:
        """Say which Envoys may connect; one that may not any more is let go."""
        self._envoys = dict(envoys)
        self.gone = {name: self.gone.get(name, time.time()) for name in envoys}
        for client in self.clients:
            client.wake.set()

    def publish(self, resources: Mapping[Kind, Resources]) -> None:
        """Send everybody what is new."""
        self._resources = resources
        current = {
            (name, resource.version): resource
            for by_name in resources.values()
            for name, resource in by_name.items()
        }
        # What is still under way to somebody is kept, so that it is understood when it is acknowledged.
        awaited = {item for client in self.clients for item in client.subscription.under_way.items()}
        kept = {item: self._meaning[item] for item in awaited if item in self._meaning}
        self._meaning = kept | current
        for client in self.clients:
            self._note(client)
            client.wake.set()
        self._changed()

    async def serve(self, stream: AdsStream) -> None:
        """Serve one Envoy until it goes."""
        client, request = await self._introduced(stream)
        self.clients.add(client)
        sending = asyncio.create_task(self._send(client, stream))
        reading = asyncio.create_task(self._read(client, stream, request))
        try:
            done, _ = await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (StreamTerminatedError, ConnectionError):
            pass  # it is gone, without a goodbye
        except TimeoutError:
            _log.error("%s does not read what it is sent: it has to come again", client.node)
        finally:
            self.clients.discard(client)
            if client.workload in self.gone:
                self.gone[client.workload] = time.time()
            for task in (sending, reading):
                task.cancel()
            await asyncio.gather(sending, reading, return_exceptions=True)
            self._changed()

    async def _introduced(self, stream: AdsStream) -> tuple[Client, DeltaDiscoveryRequest]:
        """Find out who it is, and check the proof; everybody else is told the same, whatever was wrong."""
        shown: Shown = [*stream.metadata.items()] if stream.metadata else []
        request: DeltaDiscoveryRequest | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTRODUCTION_SECONDS):
                request = await stream.recv_message()
        node = request.node.id if request is not None and request.node is not None else ""
        workload = node.partition("@")[0]  # replicas of one workload differ behind the @
        kind = self._envoys.get(workload)
        if request is None or kind is None or not self._proof.proves(shown, workload, kind):
            _log.warning("refused %s that says it is %.80r", self._proof.caller(shown), node)
            raise GRPCError(self._proof.status, "not an Envoy of this mesh")
        return Client(node=node, workload=workload, kind=kind, since=time.time()), request

    async def _read(self, client: Client, stream: AdsStream, request: DeltaDiscoveryRequest | None) -> None:
        while request is not None:
            if request.type_url == TYPE_URL:
                self._received(client, request)
            request = await stream.recv_message()

    def _received(self, client: Client, request: DeltaDiscoveryRequest) -> None:
        refusal = client.subscription.receive(request)
        if refusal is not None:
            _log.error("%s refuses version %s: %s", client.node, refusal.version, refusal.message)
        elif request.response_nonce or request.initial_resource_versions:  # on a new stream: what it holds
            client.acknowledged = time.time()
        self._note(client)
        client.wake.set()
        self._changed()

    async def _send(self, client: Client, stream: AdsStream) -> None:
        while self._envoys.get(client.workload) == client.kind:
            client.wake.clear()
            for resource in client.subscription.due(self._resources.get(client.kind, {})):
                async with self._turn, asyncio.timeout(SENDING_SECONDS):
                    await stream.send_message(resource.answer)
            await client.wake.wait()
        _log.info("%s is no Envoy of this mesh any more: it is let go", client.node)

    def _note(self, client: Client) -> None:
        """Say in keys and revocations what the versions mean that the Envoy holds."""
        for item in client.subscription.held.items():
            resource = self._meaning.get(item)
            if resource is not None and resource.keys is not None:
                client.keys = resource.keys
            if resource is not None and resource.revocation is not None:
                client.revocation = resource.revocation


class _Service(AggregatedDiscoveryServiceBase):
    """Serves the delta variant of ADS; the other, state of the world, is answered as not implemented."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    def __mapping__(self) -> dict[str, Handler]:
        delta = Handler(
            self._streams.serve, Cardinality.STREAM_STREAM, DeltaDiscoveryRequest, DeltaDiscoveryResponse
        )
        return {**super().__mapping__(), _METHOD: delta}


class _Encoded(CodecBase):
    """Takes answers that are encoded already: the same bytes go to a thousand streams."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ARG002 - grpclib's signature
        return message if isinstance(message, bytes) else bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return message_type.parse(data)


@contextlib.asynccontextmanager
async def listening(streams: Streams, socket: Path) -> AsyncIterator[None]:
    """Serve at a Unix socket, which this user alone may use, until the block ends."""
    server = Server([_Service(streams)], codec=_Encoded())
    socket.unlink(missing_ok=True)  # noqa: ASYNC240 - no disk behind it; left by one that was killed
    await server.start(path=str(socket), backlog=BACKLOG)
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(TimeoutError, StreamTerminatedError):
            await asyncio.wait_for(server.wait_closed(), STOP_SECONDS)
        socket.unlink(missing_ok=True)  # noqa: ASYNC240
