"""Serves metrics where the topology says, while everything runs: GET /metrics, and nothing else."""

import asyncio
from contextlib import suppress
from typing import Final

from pillion.envoy import names
from pillion.local import reports
from pillion.local.mesh import Mesh
from pillion.local.metrics import own
from pillion.local.metrics.merge import merged
from pillion.local.probes import request
from pillion.plan import UnixSocket
from pillion.topology import Address

_ENVOY_PATH: Final = "/stats/prometheus?usedonly"
_IDENTITY_PATH: Final = "/-/metrics"
_POLL_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 5.0
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def follow(mesh: Mesh) -> None:
    """Listen where the topology says, and go along with its edits, for ever."""
    server: asyncio.Server | None = None
    at: Address | None = None
    try:
        while True:
            wanted = mesh.topology.telemetry.metrics
            if wanted != at:
                if server is not None:
                    server.close()
                server, at = None, None
                with suppress(OSError):  # something else has taken the address: tried again
                    server = await _listen(mesh, wanted)
                    at = wanted
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        if server is not None:
            server.close()


async def metrics(mesh: Mesh) -> str:
    """Ask everybody; who does not answer is left out, and `pillion_process_ready` says so."""
    asked = {
        workload.name: (UnixSocket(path=names.admin_socket(workload.name)), _ENVOY_PATH)
        for workload in (mesh.plan.edge.workload, *(sidecar.workload for sidecar in mesh.plan.sidecars))
    }
    assert isinstance(mesh.plan.identity.address, UnixSocket)  # noqa: S101 - on one machine it always is
    asked["identity"] = (mesh.plan.identity.address, _IDENTITY_PATH)
    answers = await asyncio.gather(*(request(socket, "GET", path) for socket, path in asked.values()))
    texts = {name: answer[1] for name, answer in zip(asked, answers, strict=True) if answer}
    database = reports.where(mesh.machine.folder)
    report = await asyncio.to_thread(reports.read, database)
    return merged(texts) + own.text(mesh.supervisor.entries, report)


async def _listen(mesh: Mesh, address: Address | None) -> asyncio.Server | None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                found = head.startswith((b"GET /metrics ", b"GET /metrics?"))
                body = (await metrics(mesh) if found else "metrics are at /metrics\n").encode()
                status = "200 OK" if found else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: {_CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\n"
                    "connection: close\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, address.host, address.port) if address else None
