"""The tables of `pillion up` and `pillion status`."""

import time
from collections.abc import Iterable
from typing import Final

from rich.table import Table
from rich.text import Text

from pillion.local.record import Entry
from pillion.local.reports import Told, Trusted

_STYLES: Final = {
    "ready": "green",
    "starting": "yellow",
    "restarting": "red",
    "failed": "red",
    "up": "green",
    "down": "red",
    "killed": "red",
    "unwatched": "red",
}
# Enough of a key's id to tell it from the others.
_KID: Final = 8


def workloads(entries: Iterable[Entry]) -> Table:
    """Draw the workloads, one a row."""
    drawn = _table("NAME", "KIND", "STATE", "ADDRESS", "PID", "UP", "RESTARTS", "LAST")
    for entry in entries:
        drawn.add_row(
            Text(entry.name),
            entry.kind,
            Text(entry.state, style=_STYLES.get(entry.state, "dim")),
            Text(_where(entry)),
            str(entry.pid or ""),
            _ago(entry.since) if entry.state == "ready" else "",
            str(entry.restarts or ""),
            Text(_last(entry)),
        )
    return drawn


def envoys(told: Iterable[Told]) -> Table:
    """Draw what control says of the Envoys, one a row: each has acknowledged these keys and revocations."""
    drawn = _table("ENVOY", "CONTROL", "SINCE", "KEYS", "REVOCATION", "ACKNOWLEDGED", "REFUSED")
    for one in told:
        drawn.add_row(
            Text(one.name),
            Text("connected", style="green") if one.connected else Text("not connected", style="red"),
            _ago(one.since) if one.connected else "",
            " ".join(kid[:_KID] for kid in one.keys),
            str(one.revocation),
            f"{_ago(one.acknowledged_at)} ago" if one.acknowledged_at else "",
            Text("; ".join(f"{name}: {words}" for name, words in one.refused.items()), style="red"),
        )
    return drawn


def trust(trusted: Iterable[Trusted]) -> Table:
    """Draw what control has of the other issuers that are trusted, one a row."""
    drawn = _table("TRUSTED", "KEYS", "FETCHED", "")
    for one in trusted:
        drawn.add_row(
            Text(one.name),
            " ".join((kid or "(no kid)")[:_KID] for kid in one.keys) or "none",
            f"{_ago(one.fetched_at)} ago" if one.fetched_at else "never",
            Text(f"cannot be fetched: {one.error}" if one.error else "", style="red"),
        )
    return drawn


def _table(*headings: str) -> Table:
    drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in headings:
        drawn.add_column(Text(heading, style="dim"), no_wrap=True, overflow="ellipsis")
    return drawn


def _ago(moment: float | None) -> str:
    if moment is None:
        return ""
    seconds = max(0, int(time.time() - moment))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    return f"{days}d" if days else f"{hours}h" if hours else f"{minutes}m" if minutes else f"{seconds}s"


def _where(entry: Entry) -> str:
    """Give the address, and say so where nobody but the sidecar gets to it."""
    return f"{entry.address} (isolated)" if entry.isolated and entry.kind == "service" else entry.address


def _last(entry: Entry) -> str:
    """Say how it ended last, if it ever did."""
    if entry.last_exit is None:
        return ""
    return f"exit {entry.last_exit}: {entry.last_line or ''}".rstrip(": ")
