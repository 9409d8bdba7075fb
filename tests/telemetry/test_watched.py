"""Every metric and label that the alerts and the dashboard go by is there in a mesh that runs."""

import re
from collections import defaultdict
from pathlib import Path

import httpx

from pillion.envoy import names
from pillion.local.metrics.merge import merged
from tests.mesh import Mesh
from tests.monitoring import promql
from tests.telemetry.collector import Collector

# What Prometheus itself gives to each sample.
OF_PROMETHEUS = {"job", "namespace"}
# The edge of this mesh has no TLS; the golden case `tls` shows that its certificate is called so.
ELSEWHERE = {("envoy_tls_certificate", "certificate")}

Labels = dict[str, set[str]]

# As it stands there: the parser of prometheus_client gives counters another name.
_SAMPLE = re.compile(r"([a-z_][a-z0-9_]*)(\{.*\})? ")
_LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


def there(started: Mesh, port: int) -> dict[str, Labels]:
    """Give each metric's labels with their values: what is scraped, and what Envoys will show once it was used."""
    texts = {"": httpx.get(f"http://127.0.0.1:{port}/metrics").text}
    for workload in ("edge", "echo"):
        socket = started.state / names.admin_socket(workload)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
            texts[workload] = merged({workload: client.get("http://envoy/stats/prometheus").text})
    found: dict[str, Labels] = defaultdict(lambda: defaultdict(set))
    for line in "".join(texts.values()).splitlines():
        if sample := _SAMPLE.match(line):
            for label, value in _LABEL.findall(sample[2] or ""):
                found[sample[1]][label].add(value)
    return found


def test_every_metric_and_label_that_is_asked_for_is_there(telling: tuple[Mesh, Collector, int]) -> None:
    started, _, port = telling
    assert httpx.get(f"{started.edge}/api/x", cookies={"pillion-session": "dead"}).status_code == 401
    wrong = {"email": "nobody@example.com", "password": "not the password"}
    assert httpx.post(f"{started.edge}/sign-in", json=wrong).status_code == 401
    shown = there(started, port)
    missing = []
    asked = 0
    for expression in promql.expressions():
        selectors = [*promql.selectors(expression)]
        assert selectors, expression
        labels = {label for each in selectors for label in shown.get(each.metric, {})}
        missing += [
            f"by ({label}) in {expression}"
            for label in promql.grouped_by(expression) - labels - OF_PROMETHEUS - {"le"}
        ]
        for each in selectors:
            asked += 1
            if each.metric not in shown:
                missing.append(each.metric)
            for label, operator, value in each.matchers:
                if label in OF_PROMETHEUS:
                    continue
                values = shown[each.metric].get(label, set())
                wanted = value.split("|") if operator == "=~" else [value]
                missing += [
                    f"{each.metric}{{{label}={one}}}, of {sorted(values)}"
                    for one in wanted
                    if one not in values and (label, one) not in ELSEWHERE and not _is_a_code(label, one)
                ]
    assert sorted(set(missing)) == []
    assert asked > 50


def _is_a_code(label: str, value: str) -> bool:
    """Say whether identity refuses something by this code, which no request here has met."""
    return label == "code" and f'"{value}"' in _REFUSALS


_REFUSALS = "".join(
    path.read_text(encoding="utf-8")
    for path in (Path(__file__).parents[2] / "src/pillion/identity").rglob("*.py")
)
