"""`/-/metrics`: what this process has done since its start, and what the database says now, for Prometheus.

Never routed from outside. Nothing here names a user: a label has few values, all of them ours.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

PATH: Final = "/-/metrics"

disable_created_metrics()  # type: ignore[no-untyped-call]  # its package has no type for it
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

SIGN_INS: Final = Counter("pillion_sign_ins", "Sessions that people have opened", registry=REGISTRY)
TOKENS: Final = Counter("pillion_tokens_issued", "Access tokens that were signed", registry=REGISTRY)
RENEWALS: Final = Counter(
    "pillion_renewals",
    "What the edge asked: with a token (or none: no live session), refused (an API key), unavailable",
    ["outcome"],
    registry=REGISTRY,
)
REFUSALS: Final = Counter(
    "pillion_identity_refusals",
    "Requests that identity refused, by the problem's code",
    ["code"],
    registry=REGISTRY,
)


def answer(state: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
    """Give status, headers and body; `state` is what the database says (`state_metrics`)."""
    body = generate_latest(REGISTRY) + state
    headers = [("content-type", CONTENT_TYPE_PLAIN_0_0_4), ("content-length", str(len(body)))]
    return "200 OK", headers, body
