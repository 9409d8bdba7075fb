"""The process that is the cluster: `python -m tests.cluster.node FOLDER LISTENER DATABASE`.

It runs in a network namespace of its own. LISTENER is a socket from outside of it, where the load balancer takes
connections for Service `edge`; DATABASE is the Unix socket of a PostgreSQL, which pods find at an address outside
of the cluster. What tests order comes by a Unix socket in FOLDER, a JSON object a line; by another, sockets.
"""

import asyncio
import json
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.cluster import network, orders, sockets
from tests.cluster.cluster import Cluster

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
    handing_out = asyncio.create_task(sockets.serve(folder / "sockets.sock", cluster.holder_of))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    handing_out.cancel()
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
        answer = {"answer": await orders.obey(cluster, json.loads(await reader.readline()))}
    except Exception:  # noqa: BLE001 - a test shows it
        answer = {"failed": traceback.format_exc()}
    writer.write(json.dumps(answer).encode() + b"\n")
    with suppress(OSError):
        await writer.drain()
    writer.close()


if __name__ == "__main__":
    os.umask(0o022)  # what pods read is for every user, whatever who started this has set
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
