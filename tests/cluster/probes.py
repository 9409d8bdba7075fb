"""A kubelet's probes: it asks over HTTP or TCP from the node, or by a command in the container."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

# The documentation: while a pod is not ready, it may be asked more often than `periodSeconds`.
_NOT_READY_SECONDS: Final = 0.5
Execute = Callable[[Sequence[str]], Awaitable[bool]]


async def ask(probe: Mapping[str, Any], address: str, execute: Execute) -> bool:
    """Ask once."""
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            if "exec" in probe:
                return await execute(probe["exec"]["command"])
            if "tcpSocket" in probe:
                _, writer = await asyncio.open_connection(address, probe["tcpSocket"]["port"])
                writer.close()
                return True
            return 200 <= await http_status(probe["httpGet"], address) < 400
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
        return False


async def http_status(get: Mapping[str, Any], address: str) -> int:
    """Send one GET; gives the status."""
    context = None
    if get.get("scheme") == "HTTPS":  # a kubelet believes any certificate
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(get.get("host", address), get["port"], ssl=context)
    try:
        headers = "".join(f"{one['name']}: {one['value']}\r\n" for one in get.get("httpHeaders", ()))
        request = (
            f"GET {get.get('path', '/')} HTTP/1.1\r\nhost: {address}:{get['port']}\r\nconnection: close\r\n"
        )
        writer.write(f"{request}user-agent: kube-probe/1.35\r\n{headers}\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1])
    finally:
        writer.close()


async def first_success(probe: Mapping[str, Any], once: Callable[[], Awaitable[bool]]) -> bool:
    """Ask until it answers; False when it did not as often as it may fail."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    for _ in range(probe.get("failureThreshold", 3)):
        if await once():
            return True
        await asyncio.sleep(probe.get("periodSeconds", 10))
    return False


async def follow(
    probe: Mapping[str, Any], once: Callable[[], Awaitable[bool]], tell: Callable[[bool], None], *, good: bool
) -> None:
    """Ask for ever, and tell when the answer has been another as often as the probe wants."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    period = probe.get("periodSeconds", 10)
    in_a_row = 0
    while True:
        found = await once()
        in_a_row = in_a_row + 1 if found != good else 0
        wanted = probe.get("successThreshold", 1) if found else probe.get("failureThreshold", 3)
        if in_a_row >= wanted:
            good, in_a_row = found, 0
            tell(good)
        await asyncio.sleep(period if good else min(period, _NOT_READY_SECONDS))
