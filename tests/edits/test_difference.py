"""What an edit comes to, worked out without running anything."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

from pillion.envoy.files import affected
from pillion.envoy.text import together
from pillion.local import ports
from pillion.local.difference import difference, needs_a_start
from pillion.local.folder import IDENTITY_SOCKET
from pillion.local.process import Command
from pillion.local.spec import Spec
from pillion.plan import Address, Plan, Ports, build
from pillion.topology import Topology
from tests.goldens.compiled import CASES, planned, resources, written
from tests.local.topologies import shop, state_folder


async def _probe() -> bool:
    return True


def spec(name: str, word: str = "run", address: str = "127.0.0.1:7001") -> Spec:
    """Describe a service."""
    command = Command(words=(word,), folder=Path("/"), environment={})
    return Spec(name=name, kind="service", address=address, probe=_probe, command=command)


def test_workloads_are_new_gone_others_or_left_alone() -> None:
    """A workload is what is started, and where it is reached."""
    running = [spec("same"), spec("gone"), spec("changed"), spec("moved")]
    wanted = [spec("same"), spec("changed", "other"), spec("moved", address="127.0.0.1:7009"), spec("new")]
    change = difference(running, wanted)
    assert change.new == {("service", "new")}
    assert change.gone == {("service", "gone")}
    assert change.others == {("service", "changed"), ("service", "moved")}
    sidecar = replace(spec("same"), kind="sidecar")
    assert difference([spec("same")], [spec("same"), sidecar]).new == {("sidecar", "same")}


def test_every_envoy_whose_files_differ_is_named() -> None:
    """Between any two of the golden topologies."""
    for before, after in permutations(CASES, 2):
        changed = {
            path.partition("/")[0]
            for path, text in written(after).items()
            if not path.startswith("_") and written(before).get(path) != text
        }
        assert changed <= affected(planned(before), planned(after))


def test_an_envoy_that_an_edit_does_not_concern_is_not_compiled_anew() -> None:
    def plan(**services: object) -> Plan:
        topology = shop(orders={"app": "127.0.0.1:7001", "paths": ["/"]}, stock=services)
        given = {
            name: Ports(_address(first), _address(first + 1))
            for name, first in (("orders", 15001), ("stock", 15003))
        }
        return build(topology, given, IDENTITY_SOCKET)

    start = plan(app="127.0.0.1:7002", paths=["/stock"])
    assert affected(start, start) == set()
    assert affected(start, plan(app="127.0.0.1:7003", paths=["/stock"])) == {"stock"}
    assert affected(start, plan(app="127.0.0.1:7002", paths=["/other"])) == {"edge"}


def test_the_clusters_of_both_are_those_of_the_new_one_and_what_it_lacks() -> None:
    shop_, minimal = (written(case) for case in CASES if case.name in {"shop", "minimal"})
    one, other = shop_["edge/clusters.yaml"], minimal["edge/clusters.yaml"]
    for before, after in ((one, other), (other, one)):
        both = {resource["name"]: resource for resource in resources(together(before, after))}
        new = {resource["name"]: resource for resource in resources(after)}
        old = {resource["name"]: resource for resource in resources(before)}
        assert both == old | new
    assert together(one, one) == one


def test_what_everything_hangs_on_needs_a_start() -> None:
    start = shop()
    assert needs_a_start(start, start.model_copy(update={"services": {}})) == []
    written = {"mesh": "other", "edge": {"listen": "127.0.0.1:9"}, "services": {"a": {"app": "127.0.0.1:7"}}}
    assert needs_a_start(start, Topology.model_validate(written)) == ["mesh", "edge.listen", "edge.origin"]


def test_a_running_sidecar_keeps_its_ports_though_they_are_in_use(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    first = ports.choose(shop(), state)
    grown = shop(
        orders={"app": "127.0.0.1:7001"},
        inventory={"app": "127.0.0.1:7002"},
        stock={"app": "127.0.0.1:7003"},
    )
    running = {"orders": Ports(_address(1), _address(2)), "gone": Ports(_address(3), _address(4))}
    second = ports.choose(grown, state, running)
    assert second["orders"] == running["orders"]
    assert second["inventory"] == first["inventory"]
    assert second.keys() == {"orders", "inventory", "stock"}


def _address(port: int) -> Address:
    return Address(host="127.0.0.1", port=port)
