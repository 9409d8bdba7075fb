"""The plan of a mesh in pods: every Envoy has the same ports, and is found by the name of its Service."""

from dataclasses import replace
from typing import Final

from pillion import vocabulary
from pillion.plan.build import build
from pillion.plan.model import Address, Control, DnsAddress, Plan, Pods, Reached, Tls
from pillion.plan.ports import LOOPBACK, PodPorts
from pillion.topology import Topology
from pillion.vocabulary import DRAIN_PORT, EGRESS_PORT, INBOUND_PORT, PROBES_PORT

__all__ = ["DRAIN_PORT", "EGRESS_PORT", "INBOUND_PORT", "PROBES_PORT", "in_containers", "in_pods"]

# A pod's address is nobody's to know beforehand.
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - in a pod

# Where the edge's certificate is mounted, relative to the working directory of every Envoy, and how it is called
# in a Secret of the type kubernetes.io/tls.
_EDGE_TLS: Final = Tls(certificate="edge-tls/tls.crt", key="edge-tls/tls.key")


def in_pods(topology: Topology, namespace: str, domain: str = "cluster.local") -> Plan:
    """Work out what follows from `topology` in the namespace `namespace` of a cluster with this DNS domain."""
    plan = _by_name(topology, f".{namespace}.svc.{domain}")
    return replace(plan, collector=_found(plan.collector, domain))


def in_containers(topology: Topology) -> Plan:
    """Work out the same for containers that find each other by their bare names."""
    return _by_name(topology, "")


def _by_name(topology: Topology, domain: str) -> Plan:
    def found(name: str) -> DnsAddress:
        return DnsAddress(host=f"{name}{domain}", port=INBOUND_PORT)

    inbound = Address(host=EVERYWHERE, port=INBOUND_PORT)
    egress = Address(host=LOOPBACK, port=EGRESS_PORT)
    ports = {name: PodPorts(inbound, egress, found(name)) for name in topology.services}
    plan = build(topology, ports, found("identity"))
    services = {sidecar.spiffe_id: sidecar for sidecar in plan.sidecars}
    return replace(
        plan,
        edge=replace(
            plan.edge,
            listen=Address(host=EVERYWHERE, port=topology.edge.listen.port),
            tls=plan.edge.tls and _EDGE_TLS,
        ),
        identity=replace(plan.identity, spiffe_id=vocabulary.own_spiffe_id(topology.mesh, "identity")),
        control=Control(found("control"), vocabulary.own_spiffe_id(topology.mesh, "control")),
        pods=Pods(
            inbound=inbound,
            token_callers=tuple(name for name, sidecar in services.items() if sidecar.peers),
            stream_callers=(plan.edge.spiffe_id, *services),
        ),
    )


def _found(collector: Reached | None, domain: str) -> Reached | None:
    """Give the whole name of a collector that is a Service, as `NAME.NAMESPACE` or with `.svc` behind it."""
    if not isinstance(collector, DnsAddress):
        return collector
    match collector.host.split("."):
        case [_, _]:
            return DnsAddress(host=f"{collector.host}.svc.{domain}", port=collector.port)
        case [_, _, "svc"]:
            return DnsAddress(host=f"{collector.host}.{domain}", port=collector.port)
        case _:
            return collector
