"""What the Envoys have acknowledged, as a document in the database, for `pillion status` and whoever waits."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pillion.control.config import Kind
from pillion.control.issuers import Trusted
from pillion.control.keeper import Kept
from pillion.control.server import Client, Streams


def document(
    envoys: Mapping[str, Kind],
    streams: Streams,
    trusted: Iterable[Trusted],
    kept: Kept,
    *,
    ended: float | None,
) -> str:
    """Write who is there and what each has, who is not and since when, and what is known of other issuers.

    Also how well is `kept` what Envoys start with, and when control has `ended`, if it has. Times are in seconds
    since the epoch.
    """
    connected = sorted(streams.clients, key=lambda client: (client.node, client.since))
    there = {client.workload for client in connected}
    return json.dumps(
        {
            "envoys": [_entry(client) for client in connected],
            "missing": [
                {"name": name, "kind": kind, "since": streams.gone[name]}
                for name, kind in envoys.items()
                if name not in there
            ],
            "trust": [_issuer(one) for one in trusted],
            "kept": {"error": kept.error, "left_out": kept.left_out},
            "ended": ended,
        }
    )


def _issuer(one: Trusted) -> dict[str, Any]:
    return {
        "name": one.issuer.name,
        "keys": [key.get("kid") for key in one.keys.keys],
        "fetched_at": one.keys.fetched_at,
        "error": one.error,
    }


def _entry(client: Client) -> dict[str, Any]:
    refused = client.subscription.refused
    return {
        "name": client.workload,
        "kind": client.kind,
        "node": client.node,
        "since": client.since,
        "keys": list(client.keys),
        "revocation": client.revocation,
        "acknowledged_at": client.acknowledged,
        "refused": {name: refusal.message for name, refusal in sorted(refused.items())},
    }
