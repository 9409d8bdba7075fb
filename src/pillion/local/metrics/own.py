"""What `pillion up` and control know of the workloads: who is up, and which Envoy has acknowledged what."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest

from pillion.local.record import Entry
from pillion.local.reports import Report

ENVOYS: Final = frozenset({"edge", "sidecar"})


def text(entries: Iterable[Entry], report: Report) -> str:
    """Give it in Prometheus's text format; a service and its sidecar share a name, and differ in `kind`."""
    registry = CollectorRegistry()

    def gauge(name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"pillion_{name}", what, labels, registry=registry)

    ready = gauge("process_ready", "1 while the process serves", "workload", "kind")
    restarts = gauge("process_restarts", "Times that it died and was started again", "workload", "kind")
    connected = gauge("control_connected", "1 while the Envoy's stream to control is up", "workload")
    keys = gauge("control_keys", "Keys that the Envoy has acknowledged", "workload")
    acknowledged = gauge("control_revocation", "Number of the latest acknowledged revocation", "workload")
    refused = gauge("control_refused", "Resources that the Envoy did not take", "workload")
    told = {envoy.name: envoy for envoy in report.envoys}
    for entry in entries:
        ready.labels(entry.name, entry.kind).set(entry.state == "ready")
        restarts.labels(entry.name, entry.kind).set(entry.restarts)
        if entry.kind in ENVOYS:
            envoy = told.get(entry.name)
            connected.labels(entry.name).set(envoy is not None and envoy.connected)
            keys.labels(entry.name).set(len(envoy.keys) if envoy else 0)
            acknowledged.labels(entry.name).set(envoy.revocation if envoy else 0)
            refused.labels(entry.name).set(len(envoy.refused) if envoy else 0)
    return generate_latest(registry).decode()
