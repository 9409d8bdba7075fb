"""What control takes with thousands of Envoys on PostgreSQL: the rush at its start, rest, a key, revocations."""

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
from tests import postgres
from tests.postgres import Postgres

from benchmarks.ads_clients import WORKLOADS
from benchmarks.processes import cpu_seconds
from pillion.control import credentials
from pillion.identity import config as identity_configuration

STREAMS: Final = 3_000
ROWS: Final = (0, 1_000, 20_000)
REPETITIONS: Final = 3
REST_SECONDS: Final = 10
PATIENCE_SECONDS: Final = 300

_BEHIND: Final = (
    "SELECT count(*), coalesce(max((e->>'acknowledged_at')::float), 0), coalesce(min((e->>'since')::float), 0) "
    "FROM identity_controlreport, jsonb_array_elements(document::jsonb->'envoys') e WHERE {}"
)
_NEXT_KEY: Final = (
    "INSERT INTO identity_signingkey (kid, algorithm, state, private_key, public_jwk, created_at) "
    "SELECT %s, algorithm, 'announced', private_key, jsonb_set(public_jwk, '{kid}', to_jsonb(%s::text)), now() "
    "FROM identity_signingkey WHERE state = 'signing'"
)


@dataclass(frozen=True)
class Event:
    """What it took to tell all Envoys one thing, until the last has acknowledged; CPU time of all controls."""

    seconds: float
    cpu_seconds: float
    megabytes: float


class Mesh:
    """The controls, the clients and the database that are measured."""

    def __init__(
        self, database: Postgres, controls: list[psutil.Process], received: list[Path], streams: int
    ) -> None:
        self._database = database
        self._controls = controls
        self._received = received
        self._streams = streams

    def storm(self) -> Event:
        """Give what the first connections took, from the first to the last acknowledgement."""
        until, began = self._acknowledged("jsonb_array_length(e->'keys') > 0")
        return Event(until - began, sum(map(cpu_seconds, self._controls)), self._megabytes())

    def told(self, change: Callable[[], str]) -> Event:
        """Make a change; it gives the condition by which an Envoy's entry says that it knows."""
        cpu, sent = sum(map(cpu_seconds, self._controls)), self._megabytes()
        began = time.time()
        until, _ = self._acknowledged(change())
        time.sleep(1)
        used = sum(map(cpu_seconds, self._controls)) - cpu
        return Event(until - began, used, self._megabytes() - sent)

    def revoke(self, count: int) -> str:
        """Write revocations in one transaction, as identity does."""
        rows = [(str(uuid.uuid4()), int(time.time()) + 3600) for _ in range(count)]
        with (
            postgres.connected(self._database.url) as opened,
            opened.transaction(),
            opened.cursor() as cursor,
        ):
            cursor.executemany("INSERT INTO identity_revocation (sid, until) VALUES (%s, %s)", rows)
        [[last]] = self._database.ask("SELECT max(id) FROM identity_revocation")
        return f"(e->>'revocation')::bigint >= {last}"

    def announce(self) -> str:
        """Announce the next key."""
        kid = f"k{uuid.uuid4().hex}"
        self._database.ask("DELETE FROM identity_signingkey WHERE state = 'announced'")
        self._database.ask(_NEXT_KEY, kid, kid)
        return f"e->'keys' ? '{kid}'"

    def rest(self) -> Mapping[str, float]:
        """Give what is used while nothing happens: shares of a core, and the database's log in KB a second."""
        server = psutil.Process(self._database.server.pid if self._database.server else 0)
        measured = {"control": self._controls, "database": [server, *server.children(recursive=True)]}
        before = {name: sum(map(_cpu, processes)) for name, processes in measured.items()}
        wal = self._wal()
        time.sleep(REST_SECONDS)
        shares = {
            name: (sum(map(_cpu, processes)) - before[name]) / REST_SECONDS
            for name, processes in measured.items()
        }
        return {**shares, "wal_kb": (self._wal() - wal) / REST_SECONDS / 1000}

    def memory(self) -> tuple[float, float]:
        """Give what the largest control has and had at most, in MB."""
        status = [Path(f"/proc/{one.pid}/status").read_text(encoding="ascii") for one in self._controls]
        fields = [dict(line.split(":", 1) for line in text.splitlines()) for text in status]
        now, most = (max(int(one[name].split()[0]) for one in fields) / 1024 for name in ("VmRSS", "VmHWM"))
        return now, most

    def _wal(self) -> float:
        [[bytes_]] = self._database.ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float")
        return float(bytes_)

    def _acknowledged(self, condition: str) -> tuple[float, float]:
        """Wait until all have it; gives when the last said so, and when the first connected."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            [[count, last, first]] = self._database.ask(_BEHIND.format(condition))
            if count == self._streams:
                return float(last), float(first)
            time.sleep(0.25)
        raise SystemExit(f"only {count:,} of {self._streams:,} have acknowledged")

    def _megabytes(self) -> float:
        return sum(int(path.read_text() or 0) for path in self._received if path.exists()) / 1e6


def report(streams: int = STREAMS) -> None:
    """Measure with one control and with two; print tables."""
    for controls in (1, 2):
        with _running(controls, streams) as mesh:
            print(f"\n| {streams:,} streams, {controls} control | s until all have it | CPU s | MB sent |")
            print("| --- | ---: | ---: | ---: |")
            _row("all connect at once", [mesh.storm()])
            resting = mesh.rest()
            _row("a key is announced", [mesh.told(mesh.announce) for _ in range(REPETITIONS)])
            there = 0
            for rows in ROWS:
                if more := rows - there:
                    _row(f"{more:,} sessions more are revoked", [mesh.told(partial(mesh.revoke, more))])
                    there = rows
                events = [mesh.told(partial(mesh.revoke, 1)) for _ in range(REPETITIONS)]
                _row(f"one more, to {rows:,} revoked", events)
            now, most = mesh.memory()
            print(
                f"\nAt rest: {resting['control']:.1%} of a core for control, {resting['database']:.1%} for "
                f"PostgreSQL, {resting['wal_kb']:,.0f} KB/s of its log. "
                f"Largest control: {now:.0f} MB afterwards, {most:.0f} MB at most.",
                flush=True,
            )


def _row(name: str, events: list[Event]) -> None:
    seconds, cpu, sent = (
        statistics.median(values)
        for values in zip(*((e.seconds, e.cpu_seconds, e.megabytes) for e in events), strict=True)
    )
    print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {sent:,.1f} |", flush=True)


def _cpu(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return cpu_seconds(process)
    return 0.0


@contextmanager
def _running(controls: int, streams: int) -> Iterator[Mesh]:
    with tempfile.TemporaryDirectory() as name, postgres.running() as database, ExitStack() as stack:
        folder = Path(name)
        _prepare(folder, database)
        started = [stack.enter_context(_control(folder, number)) for number in range(controls)]
        each = streams // controls
        received = [stack.enter_context(_clients(folder, number, each)) for number in range(controls)]
        yield Mesh(database, started, received, each * controls)


def _prepare(folder: Path, database: Postgres) -> None:
    """Make the tables, and what the controls are told."""
    told = {
        "mesh": "bench",
        "origin": "http://localhost:8080",
        "state": str(folder),
        "database": database.url,
    }
    file = folder / "identity.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pillion.identity", "prepare"],
        env={**os.environ, identity_configuration.VARIABLE: str(file)},
        check=True,
        capture_output=True,
    )
    credentials.ensure_key(folder / "control.key")
    config: dict[str, Any] = {
        "issuer": "http://localhost:8080",
        "audience": "bench",
        "max_lifetime": 3600,
        "envoys": {f"s{number}": "sidecar" for number in range(WORKLOADS)},
        "database": database.url,
        "credentials": str(folder / "control.key"),
    }
    for number in range(2):
        own = {"instance": f"control-{number}", "known": str(folder / f"envoy{number}")}
        (folder / f"control{number}.json").write_text(json.dumps({**config, **own}), encoding="utf-8")


@contextmanager
def _control(folder: Path, number: int) -> Iterator[psutil.Process]:
    socket, config = folder / f"control{number}.sock", folder / f"control{number}.json"
    with psutil.Popen(
        [sys.executable, "-m", "pillion.control", "--uds", str(socket)],
        env={**os.environ, "PILLION_CONTROL_CONFIG": str(config)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while not socket.exists():
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@contextmanager
def _clients(folder: Path, number: int, count: int) -> Iterator[Path]:
    """Connect so many to one control; gives the file that says how much they have received."""
    received = folder / f"received{number}"
    socket, key = folder / f"control{number}.sock", folder / "control.key"
    words = [str(socket), str(key), str(count), str(received)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.ads_clients", *words]) as clients:
        try:
            yield received
        finally:
            clients.kill()


def allow_files() -> None:
    """Let this process, and those that it starts, have as many files open as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    allow_files()
    report(int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS)
