"""What lasts or is large passes the edge and the sidecar as it comes: nothing waits for its end."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Self

import httpx
import psutil
import pytest
import websockets.sync.client as websockets
from grpclib.client import Channel, StreamStreamMethod, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from ruamel.yaml import YAML

from tests import wire
from tests.edge.edge_mesh import SESSION, TOKEN, USER, EdgeMesh, cookie
from tests.edge.service import BLOCK
from tests.edge.talk import Bytes

MIB = 1024 * 1024
LARGE = 64 * MIB
# What a stream may cost an Envoy: its buffers, which hold 1 MiB a side and connection; not the stream.
ALLOWED_GROWTH = 8 * MIB
EXPECTED = hashlib.sha256(BLOCK * (LARGE // len(BLOCK))).hexdigest()


@pytest.fixture(scope="module")
def token(edge: EdgeMesh) -> str:
    """Give a good token."""
    return edge.sign_in()[TOKEN]


def _socket(edge: EdgeMesh, **headers: str) -> websockets.ClientConnection:
    return websockets.connect(
        f"{edge.edge}/api/socket".replace("http", "ws", 1), additional_headers=headers, proxy=None
    )


def test_a_websocket_knows_its_user_and_echoes(edge: EdgeMesh, token: str) -> None:
    with _socket(edge, Cookie=cookie(token=token, a="1"), Origin=edge.edge) as socket:
        received = {name: value for name, value in json.loads(socket.recv(5))["headers"]}  # noqa: C416 - pairs
        assert received["x-pillion-email"] == USER
        assert received["authorization"] == f"Bearer {token}"
        assert received["cookie"] == "a=1"
        for message in ("text", b"\x00\xff", "x" * MIB):
            socket.send(message)
            assert socket.recv(10) == message


def test_a_websocket_without_a_token_is_refused(edge: EdgeMesh) -> None:
    with pytest.raises(Exception, match="HTTP 401"):
        _socket(edge, Origin=edge.edge)


def test_the_first_event_arrives_before_the_stream_ends(edge: EdgeMesh, token: str) -> None:
    sent = {"authorization": f"Bearer {token}"}
    with httpx.stream("GET", f"{edge.edge}/api/events", headers=sent, timeout=5) as stream:
        events = stream.iter_raw()
        assert next(events) == b"data: first\n\n"
        assert edge.get("/api/go-on", **sent).status_code == 200
        assert b"".join(events) == b"data: second\n\n"


def test_no_route_to_a_service_limits_how_long_a_stream_lasts(edge: EdgeMesh) -> None:
    """Envoy's default is 15 s; nobody should wait for that here."""
    for file, only in (("edge/edge", "peer-"), ("echo/inbound", "")):
        text = (edge.mesh.state / "envoy" / f"{file}.routes.yaml").read_text(encoding="utf-8")
        actions = [
            a for a in _route_actions(YAML(typ="safe").load(text)) if a.get("cluster", "").startswith(only)
        ]
        assert actions
        assert {action["timeout"] for action in actions} == {"0s"}


def _route_actions(document: object) -> Iterator[dict[str, str]]:
    if isinstance(document, list):
        for item in document:
            yield from _route_actions(item)
    elif isinstance(document, dict):
        if "match" in document and "route" in document:
            yield document["route"]
        for item in document.values():
            yield from _route_actions(item)


def _envoys(edge: EdgeMesh) -> dict[str, psutil.Process]:
    return {
        name: psutil.Process(edge.mesh.workload(name, kind)["pid"])
        for name, kind in (("edge", "edge"), ("echo", "sidecar"))
    }


class _Memory:
    """Watches how much more memory than at the start the Envoys ever take, while a block runs."""

    def __init__(self, edge: EdgeMesh) -> None:
        self._processes = _envoys(edge)
        self._before = self._now()
        self._over = threading.Event()
        self.growth = dict.fromkeys(self._processes, 0)
        self._watcher = threading.Thread(target=self._watch)

    def _now(self) -> dict[str, int]:
        return {name: process.memory_info().rss for name, process in self._processes.items()}

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for name, now in self._now().items():
                self.growth[name] = max(self.growth[name], now - self._before[name])

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()


@pytest.mark.parametrize("renewed", [False, True])
def test_a_large_body_streams_up_in_bounded_memory(
    edge: EdgeMesh,
    token: str,
    renewed: bool,  # noqa: FBT001 - one of two ways
) -> None:
    """Also while identity is asked: the body waits at its sender."""
    cookies = cookie(session=edge.sign_in()[SESSION])
    sent = {"cookie": cookies, "origin": edge.edge} if renewed else {"authorization": f"Bearer {token}"}
    blocks = (BLOCK for _ in range(LARGE // len(BLOCK)))
    with _Memory(edge) as memory:
        answer = httpx.post(f"{edge.edge}/api/sum", headers=sent, content=blocks, timeout=30)
    assert answer.json() == {"bytes": LARGE, "sha256": EXPECTED}
    assert max(memory.growth.values()) < ALLOWED_GROWTH, memory.growth


def test_a_large_answer_streams_down_in_bounded_memory(edge: EdgeMesh, token: str) -> None:
    digest, count = hashlib.sha256(), 0
    sent = {"authorization": f"Bearer {token}"}
    with (
        _Memory(edge) as memory,
        httpx.stream("GET", f"{edge.edge}/api/big?bytes={LARGE}", headers=sent, timeout=30) as stream,
    ):
        for part in stream.iter_raw():
            digest.update(part)
            count += len(part)
    assert (count, digest.hexdigest()) == (LARGE, EXPECTED)
    assert max(memory.growth.values()) < ALLOWED_GROWTH, memory.growth


def test_a_large_body_that_is_refused_need_not_be_sent(edge: EdgeMesh) -> None:
    answer = wire.ask(edge.address, "POST /api/sum HTTP/1.1", "Host: edge", f"Content-Length: {LARGE}")
    assert answer.status == 401


def _call(edge: EdgeMesh, token: str | None, name: str) -> object:
    """Call a method of the gRPC service at the edge: `Who` once, `Echo` three times, each after the answer."""
    host, port = edge.address

    async def call() -> object:
        metadata = {"authorization": f"Bearer {token}"} if token else {}
        async with Channel(host, port, codec=Bytes()) as channel:
            if name == "Who":
                who = UnaryUnaryMethod(channel, "/test.Talk/Who", bytes, bytes)
                return json.loads(await who(b"?", timeout=5, metadata=metadata))
            echo = StreamStreamMethod(channel, "/test.Talk/Echo", bytes, bytes)
            answers = []
            async with echo.open(timeout=5, metadata=metadata) as stream:
                for message in (b"one", b"two", b"three" * 100_000):
                    await stream.send_message(message)
                    answers.append(await stream.recv_message())
                await stream.end()
            return answers

    return asyncio.run(call())


def test_a_grpc_call_knows_its_user(edge: EdgeMesh, token: str) -> None:
    received = _call(edge, token, "Who")
    assert isinstance(received, dict)
    assert received["x-pillion-email"] == USER
    assert received["authorization"] == f"Bearer {token}"


def test_a_grpc_stream_goes_both_ways_at_once(edge: EdgeMesh, token: str) -> None:
    assert _call(edge, token, "Echo") == [b"echo one", b"echo two", b"echo " + b"three" * 100_000]


@pytest.mark.parametrize("name", ["Who", "Echo"])
@pytest.mark.parametrize("token", [None, "a.b.c"])
def test_a_grpc_call_without_a_good_token_is_unauthenticated(
    edge: EdgeMesh, token: str | None, name: str
) -> None:
    with pytest.raises(GRPCError) as refused:
        _call(edge, token, name)
    assert refused.value.status is Status.UNAUTHENTICATED
