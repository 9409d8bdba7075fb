"""The process that is the cluster: `python -m tests.cluster.node FOLDER LISTENER DATABASE`.

It runs in a network namespace of its own. LISTENER is a socket from outside of it, where the load balancer takes
connections for Service `edge`; DATABASE is the Unix socket of a PostgreSQL, which pods find at an address outside of the
cluster. What tests order comes by a Unix socket in FOLDER, a JSON object a line.
"""

import asyncio
import json
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.cluster import cert_manager, network
from tests.cluster.cluster import Cluster, described

_KNOCK = str(Path(__file__).with_name("knock.py"))
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def main(folder: Path, listener: int, database: str) -> None:
    """Serve until standard input ends."""
    cluster = Cluster(folder)
    await cluster.start()
    reach = _to_edge(cluster)
    await asyncio.start_server(lambda *streams: _relay(streams, reach), sock=socket.socket(fileno=listener))
    if database:
        to_database = lambda: asyncio.open_unix_connection(database)  # noqa: E731
        await asyncio.start_server(lambda *streams: _relay(streams, to_database), network.OUTSIDE, 5432)
    await asyncio.start_unix_server(
        lambda *streams: _obey(cluster, *streams), folder / "orders.sock", limit=1 << 26
    )
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await cluster.close()


def _to_edge(cluster: Cluster) -> Callable[[], Awaitable[Streams]]:
    async def reach() -> Streams:
        for service in cluster.objects.of("Service"):
            if service["metadata"]["name"] == "edge":
                [address] = cluster.look(f"edge.{service['metadata']['namespace']}.svc.cluster.local") or []
                port = service["spec"]["ports"][0]["port"]
                return await asyncio.open_connection(address, port, local_addr=(network.GATEWAY, 0))
        raise ConnectionRefusedError

    return reach


async def _relay(inner: Streams, reach: Callable[[], Awaitable[Streams]]) -> None:
    try:
        outer = await reach()
    except OSError:
        inner[1].transport.abort()
        return
    await asyncio.gather(_pump(inner[0], outer[1]), _pump(outer[0], inner[1]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()
        return
    with suppress(OSError):
        writer.close()


async def _obey(cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        answer = {"answer": await _done(cluster, json.loads(await reader.readline()))}
    except Exception:  # noqa: BLE001 - a test shows it
        answer = {"failed": traceback.format_exc()}
    writer.write(json.dumps(answer).encode() + b"\n")
    with suppress(OSError):
        await writer.drain()
    writer.close()


async def _done(cluster: Cluster, order: dict[str, Any]) -> Any:  # noqa: PLR0911 - one for each order
    pods = cluster.pods
    match order:
        case {"do": "apply", "documents": documents, "namespace": namespace}:
            return cluster.apply(documents, namespace)
        case {"do": "delete", "kind": kind, "namespace": namespace, "name": name}:
            return cluster.objects.delete(kind, namespace, name)
        case {"do": "pods"}:
            return [described(pod) for pod in pods.values()]
        case {"do": "settled"}:
            return cluster.settled()
        case {"do": "finished"}:
            return cluster.finished
        case {"do": "get", "kind": kind, "namespace": namespace, "name": name}:
            return cluster.objects.get(kind, namespace, name)
        case {"do": "end", "pod": pod, "grace": grace}:
            return cluster.end(pods[pod], grace)
        case {"do": "signal", "pod": pod, "container": container, "number": number}:
            return pods[pod].containers[container].send(number)
        case {"do": "execute", "pod": pod, "container": container, "words": words, "given": given}:
            code, said = await pods[pod].containers[container].output(words, given.encode())
            return [code, said.decode(errors="replace")]
        case {"do": "logs", "pod": pod, "container": container}:
            return pods[pod].containers[container].said.read_text(errors="replace")
        case {"do": "knock", "pod": pod, "seconds": seconds, "addresses": addresses}:
            return (await pods[pod].from_network(sys.executable, _KNOCK, str(seconds), *addresses)).split()
        case {"do": "requests"}:
            return cluster.api.requests
        case {"do": "renew", "namespace": namespace, "certificate": name}:
            found = cluster.objects.get("Certificate", namespace, name)
            assert found is not None
            renewed = cert_manager.issue(cluster.objects, found)
            cluster.changed()
            return renewed
    raise ValueError(f"no order: {order.get('do')}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
