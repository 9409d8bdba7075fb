"""Who may open a connection to whom, for all pairs of pods: by the policies, and by `calls` and `paths`."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion.kubernetes import outside
from pillion.topology import Topology
from tests.kubernetes import rendered
from tests.kubernetes.reach import Pod, may_reach

every_topology = pytest.mark.parametrize(
    "file", rendered.TOPOLOGIES, ids=lambda file: file.parent.name if file.stem == "pillion" else file.stem
)

MTLS, EGRESS, DRAIN, PROBES, DNS = 15001, 15002, 15020, 15021, 53
SERVICES = {"podSelector": {"matchExpressions": [{"key": "pillion.dev/service", "operator": "Exists"}]}}
OWN = ("edge", "identity", "control")


def pods(topology: Topology) -> list[Pod]:
    """One pod of each workload, and some who are none."""
    mesh = topology.mesh
    own = [(name, mesh, {"pillion.dev/component": name}) for name in OWN]
    services = [(name, mesh, {"pillion.dev/service": name}) for name in sorted(topology.services)]
    others = [
        ("stranger", mesh, {"app.kubernetes.io/name": "orders"}),
        ("elsewhere", "default", {"pillion.dev/component": "edge", "pillion.dev/service": "orders"}),
        ("prometheus", "monitoring", {}),
        ("dns", "kube-system", {"k8s-app": "kube-dns"}),
        ("metadata", "clouds", {}),
    ]
    found = [
        Pod(name, f"10.0.{index // 250}.{index % 250}", namespace, labels)
        for index, (name, namespace, labels) in enumerate((*own, *services, *others))
    ]
    return [*found[:-1], Pod("metadata", "169.254.169.254", "clouds", {})]


def expected(topology: Topology, source: Pod, target: Pod, port: int) -> bool:
    """Say what the topology says, in words of its own."""
    if "stranger" in {source.name, target.name}:
        return False
    inside = {pod.name for pod in (source, target) if pod.namespace == topology.mesh}
    if not inside:
        return True
    if source.name not in inside:
        return _in_from_outside(topology, source, target, port)
    if target.name not in inside or (target.name, port) == ("edge", topology.edge.listen.port):
        to_dns = (target.name, port) == ("dns", DNS)
        return to_dns or (target.name != "metadata" and port in ways_out(topology, source.name))
    return port == MTLS and target.name in _called(topology, source.name)


def _in_from_outside(topology: Topology, source: Pod, target: Pod, port: int) -> bool:
    if (target.name, port) == ("edge", topology.edge.listen.port):
        return True
    return source.name == "prometheus" and port == PROBES


def _called(topology: Topology, workload: str) -> set[str]:
    """Name those to whom a workload sends requests."""
    services = topology.services
    match workload:
        case "edge":
            return {"identity", "control", *(name for name, each in services.items() if each.paths)}
        case "identity" | "control":
            return set()
        case _:
            calls = {*services[workload].calls}
            return {"control", *calls} | ({"identity"} if calls else set())


def ways_out(topology: Topology, workload: str) -> frozenset[int]:
    """Name the ports at which identity and control reach the outside."""
    match workload:
        case "identity":
            return outside.of_identity(topology)
        case "control":
            return outside.of_control(topology)
        case _:
            return frozenset()


def ports(topology: Topology) -> Iterator[int]:
    """All ports that anybody listens at, and some more."""
    yield from (MTLS, EGRESS, DRAIN, PROBES, DNS, 80, 443, 5432, 6443)
    yield topology.edge.listen.port
    yield from {s.app.port for s in topology.services.values() if hasattr(s.app, "port")}


def wrong(topology: Topology, policies: list[dict[str, Any]]) -> list[str]:
    """List where the policies say something else than the topology."""
    all_pods = pods(topology)
    return [
        f"{source.name} -> {target.name}:{port} is {'open' if reached else 'shut'}"
        for source in all_pods
        for target in all_pods
        if source != target
        for port in sorted(set(ports(topology)))
        if (reached := may_reach(policies, source, target, port)) != expected(topology, source, target, port)
    ]


@every_topology
def test_pods_reach_whom_the_topology_says_and_nobody_else(file: Path) -> None:
    """Nor is anything shut that has to be open."""
    assert wrong(rendered.topology(file), rendered.of_kind(file, "NetworkPolicy")) == []


def changed(name: str, change: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Give the shop's policies, one of them changed."""
    policies = copy.deepcopy(rendered.of_kind(rendered.SHOP, "NetworkPolicy"))
    (one,) = (policy for policy in policies if policy["metadata"]["name"] == name)
    change(one["spec"])
    return policies


@pytest.mark.parametrize(
    ("name", "change", "finding"),
    [
        (
            "pillion-inventory",
            lambda spec: spec["ingress"][0].pop("from"),
            "elsewhere -> inventory:15001 is open",
        ),
        ("pillion-orders", lambda spec: spec["egress"].clear(), "orders -> inventory:15001 is shut"),
        ("pillion-orders", lambda spec: spec["ingress"].clear(), "edge -> orders:15001 is shut"),
        (
            "pillion-default-deny",
            lambda spec: spec["podSelector"].update(matchLabels={"app": "none"}),
            "elsewhere -> stranger:15001 is open",
        ),
        (
            "pillion-identity",
            lambda spec: spec["egress"].append({"to": [{"ipBlock": {"cidr": "169.254.0.0/16"}}]}),
            "identity -> metadata:80 is open",
        ),
    ],
)
def test_a_policy_that_says_too_much_or_too_little_is_found(
    name: str, change: Callable[[dict[str, Any]], None], finding: str
) -> None:
    """So the comparison of above can fail."""
    assert finding in wrong(rendered.topology(rendered.SHOP), changed(name, change))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pillion-orders", lambda spec: spec["ingress"][0].pop("ports")),
        ("pillion-web", lambda spec: spec["egress"].append({"to": [SERVICES]})),
    ],
)
def test_what_one_end_opens_by_mistake_the_other_keeps_shut(
    name: str, change: Callable[[dict[str, Any]], None]
) -> None:
    """An overlay that opens one workload too far opens nothing of the mesh."""
    assert wrong(rendered.topology(rendered.SHOP), changed(name, change)) == []


def test_the_evaluator_goes_by_the_documentation() -> None:
    """All is open, all is denied, and then one is let in at one port."""
    a, b = Pod("a", "10.0.0.1", "x", {"app": "a"}), Pod("b", "10.0.0.2", "x", {"app": "b"})
    deny = {"metadata": {"namespace": "x"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    peer = {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["b"]}]}}
    allow = {
        "metadata": {"namespace": "x"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "a"}},
            "ingress": [{"from": [peer], "ports": [{"port": 80}]}],
        },
    }
    assert may_reach([], b, a, 80)
    assert not may_reach([deny], b, a, 80)
    assert may_reach([deny, allow], b, a, 80)
    assert not may_reach([deny, allow], b, a, 81)
    assert not may_reach([deny, allow], a, b, 80)
