"""Measure what `pillion up` takes: the time to the first signed-in 200, and the memory of every process."""

import statistics
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import psutil
from tests import mesh
from tests.system import shop

from benchmarks.processes import memory_mb

LATER_STARTS = 3
MANY_SIDECARS = 30
SIDECAR = "sidecar"

# PSS and USS in MB of each process and its children, by the kind of its workload.
Memory = dict[str, list[tuple[float, float]]]


def report() -> None:
    """Print the times and the memory of the shop, and the memory of many sidecars on one machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        topology = shop.copy(folder).replace("sign_up: open", "sign_up: open\n  verification: optional")
        first, memory = _run(folder, topology)
        later = [_run(folder, topology)[0] for _ in range(LATER_STARTS)]
        many = _memory_of_many(Path(name) / "many")
    print()
    print("| from `pillion up` of the shop to the first signed-in 200 | s |")
    print("| --- | ---: |")
    print(f"| first start | {first:.1f} |")
    print(f"| later starts, median of {LATER_STARTS} | {statistics.median(later):.1f} |")
    print()
    print("| memory, without load | processes | PSS MB each | of it its own (USS) |")
    print("| --- | ---: | ---: | ---: |")
    for kind, found in memory.items():
        _row(f"shop: {kind}", found)
    _row(f"{SIDECAR} of {MANY_SIDECARS}", many)


def _run(folder: Path, topology: str) -> tuple[float, Memory]:
    """Start, sign up, ask for the orders; give the seconds, and the memory by kind of workload."""
    began = time.perf_counter()
    with mesh.running(folder, topology) as started, httpx.Client(base_url=started.edge) as client:
        account = {"email": f"{uuid.uuid4()}@example.com", "password": "a long enough passphrase"}
        client.post("/sign-up", json=account).raise_for_status()
        client.get("/api/orders").raise_for_status()
        seconds = time.perf_counter() - began
        return seconds, _memory(started)


def _memory_of_many(folder: Path) -> list[tuple[float, float]]:
    edge, *apps = mesh.free_ports(1 + MANY_SIDECARS)
    services = "".join(f"  s{n}: {{app: '127.0.0.1:{app}', paths: [/s{n}]}}\n" for n, app in enumerate(apps))
    topology = f"mesh: many\nedge: {{listen: '127.0.0.1:{edge}'}}\nservices:\n{services}"
    with mesh.running(folder, topology) as started:
        return _memory(started)[SIDECAR]


def _memory(started: mesh.Mesh) -> Memory:
    found: Memory = {}
    for workload in started.status()["workloads"]:
        if workload["kind"] != "service":
            process = psutil.Process(workload["pid"])
            family = [process, *process.children(recursive=True)]
            own = sum(one.memory_full_info().uss for one in family) / 1e6
            found.setdefault(workload["kind"], []).append((sum(map(memory_mb, family)), own))
    return found


def _row(name: str, found: list[tuple[float, float]]) -> None:
    shares, own = (statistics.median(values) for values in zip(*found, strict=True))
    print(f"| {name} | {len(found)} | {shares:.1f} | {own:.1f} |")
