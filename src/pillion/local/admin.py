"""What an Envoy says of itself at its admin socket, and what it is asked to do there."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillion.local.probes import request
from pillion.plan import UnixSocket

_DRAIN_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.02
_STAT: Final = re.compile(
    r'^(.+?)\.(version_text|update_rejected|total_listeners_warming): "?(.*?)"?$', re.MULTILINE
)


@dataclass(frozen=True)
class TakenUp:
    """Which files an Envoy has taken up: `versions` by the statistic's name, such as `listener_manager.lds`.

    `rejected` is how often it refused one since it started; `warming` that a listener is still being prepared.
    """

    versions: Mapping[str, str]
    rejected: int
    warming: bool


async def taken_up(socket: UnixSocket) -> TakenUp | None:
    """Ask which files it has taken up; None if it does not answer."""
    answer = await request(socket, "GET", "/stats?filter=(version_text|update_rejected|listeners_warming)$")
    if answer is None:
        return None
    found = _STAT.findall(answer[1])
    return TakenUp(
        versions={name: value for name, kind, value in found if kind == "version_text"},
        rejected=sum(int(value) for _, kind, value in found if kind == "update_rejected"),
        warming=any(value != "0" for _, kind, value in found if kind == "total_listeners_warming"),
    )


async def refuses(socket: UnixSocket) -> bool:
    """Say whether it has refused a part of its configuration since it started."""
    return await _counts(socket, r"update_rejected$")


async def reopen_logs(socket: UnixSocket) -> None:
    """Have it open its log files by their names again."""
    await request(socket, "POST", "/reopen_logs")


async def drain(socket: UnixSocket) -> None:
    """Let no new connection in, and give the requests that are under way a moment to end."""
    if await request(socket, "POST", "/drain_listeners") is not None:
        await idle(socket, _DRAIN_SECONDS)


async def idle(socket: UnixSocket, seconds: float) -> None:
    """Wait until no request is under way, but no longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and await _counts(socket, r"downstream_rq_active$"):  # noqa: ASYNC110 - polled over HTTP
        await asyncio.sleep(_POLL_SECONDS)


async def _counts(socket: UnixSocket, pattern: str) -> bool:
    """Say whether a statistic whose name matches is above zero, the admin interface's own aside."""
    answer = await request(socket, "GET", f"/stats?filter={pattern}")
    counts = (line.rpartition(": ") for line in (answer[1].splitlines() if answer else ()))
    return any(count != "0" for name, colon, count in counts if colon and not name.startswith("http.admin."))
