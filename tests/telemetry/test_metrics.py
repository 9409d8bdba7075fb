"""The metrics of every Envoy, of identity and of control at one address, as Prometheus reads them."""

from collections import defaultdict

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests import mesh
from tests.edge.edge_mesh import USER
from tests.local.waiting import until
from tests.mesh import Mesh
from tests.system.shop import PASSWORD
from tests.telemetry.collector import Collector


def scraped(port: int) -> dict[str, dict[tuple[str | None, ...], float]]:
    """Give the samples by name, each by its workload and what else tells it apart."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str | None, ...], float]] = defaultdict(dict)
    types = [line for line in answer.text.splitlines() if line.startswith("# TYPE ")]
    assert sorted(types) == sorted(set(types))  # Prometheus refuses a metric that stands in two places
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            rest = [value for name, value in sample.labels.items() if name != "workload"]
            found[sample.name][sample.labels.get("workload"), *rest] = sample.value
    return found


def test_everybody_is_at_one_address(telling: tuple[Mesh, Collector, int]) -> None:
    started, _, port = telling
    before = scraped(port)
    cookies = httpx.post(f"{started.edge}/sign-in", json={"email": USER, "password": PASSWORD}).cookies
    wrong = {"email": USER, "password": "not the password"}
    assert httpx.post(f"{started.edge}/sign-in", json=wrong).status_code == 401
    only_session = {"pillion-session": cookies["pillion-session"]}
    assert httpx.get(f"{started.edge}/api/x", cookies=only_session).status_code == 200
    now = scraped(port)

    def more(name: str, *labels: str) -> float:
        return now[name][labels] - before[name].get(labels, 0)

    assert more("pillion_sign_ins_total", "identity") == 1
    assert more("pillion_tokens_issued_total", "identity") == 2
    assert more("pillion_renewals_total", "identity", "token") == 1
    refusals = {labels[1]: value for labels, value in now["pillion_identity_refusals_total"].items()}
    assert sum(refusals.values()) == 1
    for workload in ("edge", "echo"):
        assert now["envoy_server_live"][workload,] == 1
        assert now["pillion_control_connected"][workload,] == 1
        assert now["pillion_control_keys"][workload,] >= 1
        assert now["pillion_control_refused"][workload,] == 0
    of_the_database = {name: values["identity",] for name, values in now.items() if ("identity",) in values}
    assert of_the_database["pillion_database_up"] == 1
    assert of_the_database["pillion_control_alive"] == 1
    assert of_the_database["pillion_control_envoys"] == 2
    assert of_the_database["pillion_control_envoys_missing"] == 0
    assert of_the_database["pillion_control_envoys_refusing"] == 0
    assert of_the_database["pillion_control_envoys_without_keys"] == 0
    assert now["pillion_keys"]["identity", "signing"] == 1
    assert of_the_database["pillion_signing_key_since_seconds"] > 0
    assert now["envoy_http_downstream_rq_total"]["edge", "edge"] >= 3
    ready = {labels for labels, value in now["pillion_process_ready"].items() if value == 1}
    assert ready == {
        ("edge", "edge"),
        ("echo", "sidecar"),
        ("echo", "service"),
        ("identity", "identity"),
        ("control", "control"),
    }
    assert now["process_resident_memory_bytes"]["identity",] > 1_000_000


def test_an_envoy_that_has_acknowledged_a_revocation_says_so(telling: tuple[Mesh, Collector, int]) -> None:
    started, _, port = telling
    httpx.post(f"{started.edge}/sign-in", json={"email": USER, "password": PASSWORD})
    assert started.pillion("session", "revoke", "--user", USER).returncode == 0

    def level() -> bool:
        now = scraped(port)
        [latest] = now["pillion_revocation_latest"].values()
        return latest > 0 and set(now["pillion_control_revocation"].values()) == {latest}

    until(level, "both Envoys have acknowledged the latest revocation")
    assert next(iter(scraped(port)["pillion_revocations"].values())) >= 1


def test_the_edge_shows_none(telling: tuple[Mesh, Collector, int]) -> None:
    """Neither its own, nor identity's."""
    started, _, port = telling
    for path in ("/metrics", "/-/metrics", "/stats/prometheus"):
        assert httpx.get(f"{started.edge}{path}").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{port}/stats").status_code == 404
    assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 404


def test_an_edit_moves_the_metrics_and_takes_the_collector_away(
    telling: tuple[Mesh, Collector, int],
) -> None:
    """Without a restart; and back again."""
    started, there, port = telling
    [other] = mesh.free_ports(1)
    written = started.file.read_text()
    pids = {workload["pid"] for workload in started.status()["workloads"]}
    otlp = next(line for line in written.splitlines() if "otlp:" in line)

    def taken_up() -> None:
        until(lambda: (edit := started.status()["edit"]) and edit["at"] != before, "the edit is taken up")
        assert started.status()["edit"]["taken_up"], started.status()["edit"]

    before = (started.status()["edit"] or {"at": None})["at"]
    started.file.write_text(written.replace(str(port), str(other)).replace(f"{otlp}\n", ""))
    taken_up()
    until(lambda: _answers(other) and not _answers(port), "the metrics have moved")
    spans = len(there.spans)
    assert httpx.get(f"{started.edge}/api/while-nobody-is-told").status_code == 401

    before = started.status()["edit"]["at"]
    started.file.write_text(written)
    taken_up()
    until(lambda: _answers(port), "the metrics are back")
    assert httpx.get(f"{started.edge}/api/told-again").status_code == 401
    until(lambda: len(there.spans) > spans, "a span of a later request")
    assert not [text for text in there.everything if "while-nobody-is-told" in text]
    assert {workload["pid"] for workload in started.status()["workloads"]} == pids


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
    except httpx.TransportError:
        return False
