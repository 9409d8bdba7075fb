"""What is a mistake where the topology is rendered for pods, and none on a laptop."""

from pathlib import Path

import pytest

from pillion.problem import InvalidInputError
from pillion.topology import load, loading
from pillion.topology.checks import CHECKS
from pillion.topology.checks.pods import check_pods

TEXT = """\
mesh: shop
edge: {listen: 127.0.0.1:15021}
services:
  orders: {app: unix:/run/orders.sock}
  inventory:
    app: '127.0.0.1:${PORT:-15001}'
  web: {app: 127.0.0.1:7001}
"""


def test_each_has_its_place_and_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pillion.yaml").write_text(TEXT, encoding="utf-8")
    assert load(Path("pillion.yaml"), {}).services.keys() == {"orders", "inventory", "web"}
    monkeypatch.setattr(loading, "CHECKS", (*CHECKS, check_pods))
    with pytest.raises(InvalidInputError) as caught:
        load(Path("pillion.yaml"), {})
    shared_by_none = (
        "is a Unix socket, which a service in a pod does not share with its sidecar "
        "(let it listen on 127.0.0.1)"
    )
    of_envoy = "has a port that Envoy takes in every pod: '15001', '15002', '15020' or '15021'"
    assert [str(problem) for problem in caught.value.problems] == [
        f"pillion.yaml:2:16: edge.listen: '127.0.0.1:15021' {of_envoy} (choose another)",
        f"pillion.yaml:4:17: services.orders.app: 'unix:/run/orders.sock' {shared_by_none}",
        f"pillion.yaml:6:10: services.inventory.app: '127.0.0.1:${{PORT:-15001}}' {of_envoy}",
    ]
    assert {problem.code for problem in caught.value.problems} == {"port-in-pods", "socket-in-pods"}
