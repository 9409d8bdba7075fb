"""How long a revocation takes to every Envoy, and what that costs: `python -m benchmarks.spread`."""

import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from tests import mesh
from tests.cli.echo_mesh import ECHO
from tests.control.running import configure, control, prepare

from benchmarks.ads_clients import WORKLOADS

ROWS = (10, 1_000, 20_000)
CLIENTS = (50, 1_000)
REPETITIONS = 7
REAL = 5


def report() -> None:
    """Measure, and print tables for docs/benchmarks.md."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(
        "\n| Envoys | revoked sessions | ms until all have acknowledged one more, median | worst of 7 | MB |"
    )
    print("| --- | ---: | ---: | ---: | ---: |")
    for count in CLIENTS:
        for rows in ROWS:
            times, memory = _simulated(count, rows)
            _row(f"{count:,} simulated", rows, times, f"control {memory:.0f}")
    for rows in ROWS:
        times, memory = _real(rows)
        _row(f"{REAL} real", rows, times, f"each Envoy {memory:.1f}")


def _row(name: str, rows: int, times: list[float], memory: str) -> None:
    middle, worst = statistics.median(times) * 1000, max(times) * 1000
    print(f"| {name} | {rows:,} | {middle:,.0f} | {worst:,.0f} | {memory} |", flush=True)


def _simulated(count: int, rows: int) -> tuple[list[float], float]:
    """Give the times, and the most memory that control had."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        configure(folder, {f"s{number}": "sidecar" for number in range(WORKLOADS)})
        database = folder / "identity.sqlite3"
        _revoke(database, rows)
        with control(folder) as running, _clients(folder, count):
            times = _times(database, count)
            status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return times, peak / 1024


@contextmanager
def _clients(folder: Path, count: int) -> Iterator[None]:
    files = [str(folder / name) for name in ("control.sock", "control.key")]
    words = ("benchmarks.ads_clients", *files, str(count), str(folder / "received"))
    with subprocess.Popen([sys.executable, "-m", *words]) as clients:
        try:
            yield
        finally:
            clients.kill()


def _real(rows: int) -> tuple[list[float], float]:
    """Give the times, and what memory an Envoy has of its own (USS)."""
    listen, *ports = mesh.free_ports(REAL)
    run = "run: python echo.py"
    services = "".join(f"  s{n}: {{app: '127.0.0.1:{port}', {run}}}\n" for n, port in enumerate(ports))
    topology = f"mesh: bench\nedge: {{listen: '127.0.0.1:{listen}'}}\nservices:\n{services}"
    with (
        tempfile.TemporaryDirectory() as name,
        mesh.running(Path(name), topology, {"echo.py": ECHO}) as started,
    ):
        database = started.state / "identity.sqlite3"
        _revoke(database, rows)
        times = _times(database, REAL)
        envoys = [w["pid"] for w in started.status()["workloads"] if w["kind"] in {"edge", "sidecar"}]
        memory = statistics.median(psutil.Process(pid).memory_full_info().uss for pid in envoys)
    return times, memory / 1024**2


def _times(database: Path, count: int) -> list[float]:
    """Revoke one session after another, each when all have acknowledged the one before; in seconds."""
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as opened:
        [[last]] = opened.execute("SELECT max(id) FROM identity_revocation").fetchall()
        _until(lambda: _acknowledged(opened, last) == count, 120)
        times = []
        for _ in range(REPETITIONS):
            time.sleep(0.5)
            began = time.perf_counter()
            last = _revoke(database, 1)
            _until(lambda number=last: _acknowledged(opened, number) == count, 120)  # type: ignore[misc]
            times.append(time.perf_counter() - began)
    return times


def _acknowledged(opened: sqlite3.Connection, number: int) -> int:
    """Count the Envoys that have that revocation, as `pillion session revoke` does."""
    documents = [
        json.loads(text) for (text,) in opened.execute("SELECT document FROM identity_controlreport")
    ]
    return sum(envoy["revocation"] >= number for document in documents for envoy in document["envoys"])


def _revoke(database: Path, count: int) -> int:
    """Write revocations in one transaction, as identity does; gives the last one's number."""
    until = int(time.time()) + 3600
    with closing(sqlite3.connect(database, timeout=10)) as opened, opened:
        values = [(uuid.uuid4().hex, until) for _ in range(count)]
        opened.executemany("INSERT INTO identity_revocation (sid, until) VALUES (?, ?)", values)
        [[last]] = opened.execute("SELECT max(id) FROM identity_revocation").fetchall()
    return int(last)


def _until(condition: Callable[[], bool], patience: float) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("not all Envoys have acknowledged")
        time.sleep(0.005)


if __name__ == "__main__":
    report()
