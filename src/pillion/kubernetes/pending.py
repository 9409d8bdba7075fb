"""Stands in for what the plan and the compiler will say of pods, until they do."""

from collections.abc import Mapping
from dataclasses import replace

from pillion import plan as planning
from pillion.envoy.files import render_workloads
from pillion.plan import Plan, Ports
from pillion.topology import Address, Topology


def in_pods(topology: Topology, namespace: str, domain: str = "cluster.local") -> Plan:  # noqa: ARG001
    """Plan the mesh."""
    ports = {
        name: Ports(Address(host="0.0.0.0", port=15001), Address(host="127.0.0.1", port=15002))  # noqa: S104
        for name in topology.services
    }
    plan = planning.build(topology, ports, planning.UnixSocket(path="run/identity.sock"))
    listen = Address(host="0.0.0.0", port=plan.edge.listen.port)  # noqa: S104 - in a pod
    return replace(plan, edge=replace(plan.edge, listen=listen))


def render_pod(plan: Plan, name: str) -> Mapping[str, str]:
    """Write the files of one workload."""
    files = render_workloads(plan, {name})
    bare = {path.removeprefix(f"{name}/"): text for path, text in files.items()}
    return {**bare, "svid.json": "{}\n", "trust.json": "{}\n"}
