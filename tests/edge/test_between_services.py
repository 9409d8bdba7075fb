"""What lasts passes from service to service as it comes: through the egress, mTLS, and the other's sidecar."""

import asyncio
import json
import socket
from collections.abc import Iterator

import httpx
import pytest
import websockets.sync.client as websockets
from grpclib.client import Channel, StreamStreamMethod, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.edge.edge_mesh import TOKEN, USER, EdgeMesh, headers
from tests.edge.talk import Bytes

ECHO, TALK = "spiffe://proof/service/echo", "spiffe://proof/service/talk"


@pytest.fixture(scope="module")
def bearer(edge: EdgeMesh) -> str:
    """Give what a service passes on that acts for a user."""
    return f"Bearer {edge.sign_in()[TOKEN]}"


@pytest.fixture
def talks(edge: EdgeMesh) -> Iterator[httpx.Client]:
    """Call as the service `talk`, by its egress's address and the other's name."""
    with httpx.Client(base_url=edge.mesh.egress("talk"), headers={"host": "echo"}, timeout=10) as client:
        yield client


def _egress(edge: EdgeMesh, service: str) -> tuple[str, int]:
    host, _, port = edge.mesh.egress(service).removeprefix("http://").rpartition(":")
    return host, int(port)


def test_an_event_stream_arrives_event_by_event(talks: httpx.Client, bearer: str) -> None:
    sent = {"authorization": bearer}
    with talks.stream("GET", "/api/events", headers=sent) as stream:
        events = stream.iter_raw()
        assert next(events) == b"data: first\n\n"
        assert talks.get("/api/go-on", headers=sent).status_code == 200
        assert b"".join(events) == b"data: second\n\n"


def test_a_websocket_goes_both_ways_in_the_services_own_name(edge: EdgeMesh) -> None:
    with (
        socket.create_connection(_egress(edge, "talk"), timeout=10) as connection,
        websockets.connect("ws://echo/api/socket", sock=connection, proxy=None) as web_socket,
    ):
        received = dict(json.loads(web_socket.recv(5))["headers"])
        assert received["x-pillion-user"] == TALK
        for message in ("text", b"\x00\xff", "x" * 100_000):
            web_socket.send(message)
            assert web_socket.recv(10) == message


def test_http_2_is_taken_with_prior_knowledge(edge: EdgeMesh, bearer: str) -> None:
    """RFC 9113, section 3.3: without TLS there is nothing to agree on it by."""
    with httpx.Client(http1=False, http2=True, base_url=edge.mesh.egress("talk"), timeout=10) as client:
        answer = client.get("/api/things", headers={"host": "echo", "authorization": bearer})
        refused = client.get("/api/things", headers={"host": "nobody"})
    assert (answer.http_version, headers(answer)["x-pillion-email"]) == ("HTTP/2", USER)
    assert (refused.status_code, refused.headers["x-pillion-refused"]) == (403, "peer-not-called")


def _call(edge: EdgeMesh, method: str, callee: str = "talk", **metadata: str) -> object:
    egress = _egress(edge, "echo")

    async def call() -> object:
        async with Channel(*egress, codec=Bytes()) as channel:
            channel._authority = callee  # noqa: SLF001 - grpc.default_authority elsewhere; grpclib has no name for it
            if method == "Who":
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


def test_a_grpc_call_is_the_users_or_the_services_own(edge: EdgeMesh, bearer: str) -> None:
    of_a_user, of_its_own = _call(edge, "Who", authorization=bearer), _call(edge, "Who")
    assert isinstance(of_a_user, dict)
    assert isinstance(of_its_own, dict)
    assert of_a_user["x-pillion-email"] == USER
    assert of_its_own["x-pillion-user"] == ECHO


def test_a_grpc_stream_goes_both_ways_message_by_message(edge: EdgeMesh) -> None:
    assert _call(edge, "Echo") == [b"echo one", b"echo two", b"echo " + b"three" * 100_000]


def test_a_grpc_call_to_nobody_that_may_be_called_is_denied(edge: EdgeMesh) -> None:
    with pytest.raises(GRPCError) as refused:
        _call(edge, "Who", callee="nobody")
    assert refused.value.status is Status.PERMISSION_DENIED
