"""The alerts: Prometheus' own tool takes them, they fire when they should, and each says where help is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pillion import monitoring
from pillion.kubernetes.monitoring import DROPPED
from tests.monitoring import promql

ROOT = Path(__file__).parents[2]
RUNBOOK = "docs/operations.md"
PROMTOOL = shutil.which("promtool") or shutil.which("promtool", path=str(ROOT / ".venv/bin"))
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool (tests/install-promtool)")


def promtool(*words: str, folder: Path) -> str:
    """Run it; gives what it says, and asserts that it is content."""
    done = subprocess.run(
        [PROMTOOL or "", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Give a folder with the files as a user gets them."""
    for name, text in monitoring.written().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before(written: Path) -> None:
    shutil.copy(Path(__file__).with_name("alerts.yaml"), written)
    assert "SUCCESS" in promtool("test", "rules", "alerts.yaml", folder=written)


def test_no_alert_is_left_out_of_that_test() -> None:
    cases = Path(__file__).with_name("alerts.yaml").read_text(encoding="utf-8")
    assert [
        name for name in promql.of_alerts() if f'"{name}"' not in cases and f" {name}\n" not in cases
    ] == []


@needs_promtool
def test_prometheus_understands_every_question_of_the_dashboard(written: Path) -> None:
    rules = [
        f"  - record: panel:{number}\n    expr: {expression!r}\n"
        for number, expression in enumerate(
            expression for several in promql.of_panels().values() for expression in several
        )
    ]
    text = "groups:\n- name: panels\n  rules:\n" + "".join(rules).replace("\\'", "'")
    (written / "panels.yaml").write_text(text, encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", "panels.yaml", folder=written)


def test_each_alert_leads_to_a_heading_of_the_page_on_operations() -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    anchors = {_anchor(heading) for heading in re.findall(r"(?m)^#+ (.+)$", page)}
    for group in monitoring.groups():
        for rule in group["rules"]:
            page_named, _, anchor = rule["annotations"]["runbook_url"].partition("#")
            assert page_named == RUNBOOK
            assert anchor in anchors, rule["alert"]
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert rule["annotations"]["summary"]
            assert f"`{rule['alert']}`" in page, f"{rule['alert']} is not named there"


def test_what_a_cluster_drops_of_the_metrics_is_asked_for_nowhere() -> None:
    asked = {each.metric for expression in promql.expressions() for each in promql.selectors(expression)}
    assert "envoy_http_downstream_rq_time_bucket" in asked
    assert [name for name in asked if re.fullmatch(DROPPED, name)] == []
    assert re.fullmatch(DROPPED, "envoy_listener_downstream_cx_length_ms_bucket")


def _anchor(heading: str) -> str:
    """Name a heading as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
