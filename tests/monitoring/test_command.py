"""`pillion render monitoring`, as a user sees it; and that a cluster gets the same."""

import json
from pathlib import Path

from click.testing import CliRunner

from pillion import monitoring
from pillion.cli.render import command
from pillion.kubernetes.monitoring import documents
from pillion.kubernetes.names import Cluster


def test_it_writes_the_rules_and_the_dashboard_over_those_of_before(tmp_path: Path) -> None:
    output = tmp_path / "etc/pillion"
    for _ in range(2):
        done = CliRunner().invoke(command, ["monitoring", "-o", str(output)])
        assert done.exit_code == 0
        assert done.output == f"wrote {output}/rules.yaml\nwrote {output}/dashboard.json\n"
    assert {file.name: file.read_text() for file in output.iterdir()} == monitoring.written()
    assert json.loads((output / "dashboard.json").read_text())["uid"] == "pillion"


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(command, ["monitoring", "-o", str(tmp_path / "file" / "below")])
    assert done.exit_code == 1
    assert done.stderr == f"Error: {tmp_path}/file/below: not a directory\n"


def test_a_cluster_gets_the_same() -> None:
    by_kind = {document["kind"]: document for document in documents(Cluster("shop", "shop"))}
    assert by_kind["PrometheusRule"]["spec"]["groups"] == monitoring.groups()
    assert by_kind["ConfigMap"]["data"] == {"dashboard.json": monitoring.written()["dashboard.json"]}
    assert by_kind["ConfigMap"]["metadata"]["labels"]["grafana_dashboard"] == "1"
