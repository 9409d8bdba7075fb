"""Who may open a connection to whom: a NetworkPolicy per workload, and one that denies all the rest.

The certificates decide once more; here what need not meet does not even connect.
"""

from collections.abc import Iterable
from typing import Any, Final

from pillion.kubernetes.containers import INBOUND_PORT, PROBES_PORT
from pillion.kubernetes.names import (
    COMPONENT_LABEL,
    CONTROL,
    EDGE,
    IDENTITY,
    METRICS_LABEL,
    NAMESPACE_NAME,
    SERVICE_LABEL,
    Cluster,
    head,
    selector,
)
from pillion.plan import DnsAddress, Plan, Sidecar

Rule = dict[str, Any]

# Clouds answer there with the credentials of the machine.
_LINK_LOCAL: Final = ("169.254.0.0/16", "fe80::/10")
_METADATA_IPV6: Final = "fd00:ec2::254/128"
# NodeLocal DNSCache listens at this address, on the node.
_DNS_ON_THE_NODE: Final = "169.254.20.10/32"


def deny_all(cluster: Cluster) -> Rule:
    """Let nobody in the namespace connect to anybody, unless another policy allows it."""
    return {
        **head(cluster, "NetworkPolicy", "pillion-default-deny"),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def edge(cluster: Cluster, plan: Plan) -> Rule:
    """Let everybody reach the edge's port; let it reach identity, control and the services with paths."""
    services = sorted({route.service for route in plan.edge.routes})
    ingress = [{"ports": _tcp(plan.edge.listen.port)}, _metrics()]
    egress = [
        *([_mtls_to(_services(services))] if services else []),
        _mtls_to(_components(CONTROL, IDENTITY)),
        *_everybodys(plan),
    ]
    return _policy(cluster, EDGE, ingress, egress)


def identity(cluster: Cluster, plan: Plan, outside: Iterable[int]) -> Rule:
    """Let the edge reach identity, and the services that call others, which get their tokens there."""
    calling = sorted(sidecar.service for sidecar in plan.sidecars if sidecar.peers)
    peers = [_components(EDGE), *([_services(calling)] if calling else [])]
    ingress = [_mtls_from(*peers), _metrics()]
    return _policy(cluster, IDENTITY, ingress, [*_to_outside(outside), *_everybodys(plan)])


def control(cluster: Cluster, plan: Plan, outside: Iterable[int]) -> Rule:
    """Let every Envoy that checks tokens reach control."""
    services = [_services(sorted(sidecar.service for sidecar in plan.sidecars))]
    ingress = [_mtls_from(_components(EDGE), *services), _metrics()]
    return _policy(cluster, CONTROL, ingress, [*_to_outside(outside), *_everybodys(plan)])


def service(cluster: Cluster, plan: Plan, sidecar: Sidecar) -> Rule:
    """Let those that may call a service reach its sidecar; let that reach those it calls, identity and control."""
    name = sidecar.service
    callers = sorted(plan.services[caller] for caller in sidecar.callers if caller in plan.services)
    from_edge = plan.edge.spiffe_id in sidecar.callers
    peers = [*([_components(EDGE)] if from_edge else []), *([_services(callers)] if callers else [])]
    called = [peer.service for peer in sidecar.peers]
    ingress = [*([_mtls_from(*peers)] if peers else []), _metrics()]
    egress = [
        *([_mtls_to(_services(called))] if called else []),
        _mtls_to(_components(CONTROL, *([IDENTITY] if called else []))),
        *_everybodys(plan),
    ]
    return _policy(cluster, name, ingress, egress)


def _policy(cluster: Cluster, workload: str, ingress: list[Rule], egress: list[Rule]) -> Rule:
    return {
        **head(cluster, "NetworkPolicy", f"pillion-{workload}", workload),
        "spec": {
            "podSelector": {"matchLabels": selector(workload)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }


def _everybodys(plan: Plan) -> list[Rule]:
    """Let an Envoy ask for names, and tell the collector, if there is one."""
    return [_dns(), *_collector(plan)]


def _dns() -> Rule:
    pods = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    return {"to": [pods, {"ipBlock": {"cidr": _DNS_ON_THE_NODE}}], "ports": ports}


def _collector(plan: Plan) -> list[Rule]:
    """Let an Envoy tell a collector elsewhere; one at an address of the pod's own needs nothing."""
    if not isinstance(plan.collector, DnsAddress):
        return []
    _, _, inside = plan.collector.host.partition(".")
    namespace, _, kind = inside.partition(".")
    if not kind.startswith("svc"):
        return _to_outside([plan.collector.port])
    there = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}}}
    return [{"to": [there], "ports": _tcp(plan.collector.port)}]


def _metrics() -> Rule:
    """Let Prometheus ask; the kubelet's probes come from the node, which no policy keeps out."""
    return {
        "from": [{"namespaceSelector": {"matchLabels": {METRICS_LABEL: "true"}}}],
        "ports": _tcp(PROBES_PORT),
    }


def _to_outside(ports: Iterable[int]) -> list[Rule]:
    """Let a pod reach these ports anywhere, but for what a cloud tells its machines alone."""
    listed = sorted(set(ports))
    if not listed:
        return []
    anywhere = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [_LINK_LOCAL[0]]}},
        {"ipBlock": {"cidr": "::/0", "except": [_METADATA_IPV6, _LINK_LOCAL[1]]}},
    ]
    return [{"to": anywhere, "ports": _tcp(*listed)}]


def _mtls_from(*peers: Rule) -> Rule:
    return {"from": [*peers], "ports": _tcp(INBOUND_PORT)}


def _mtls_to(*peers: Rule) -> Rule:
    return {"to": [*peers], "ports": _tcp(INBOUND_PORT)}


def _tcp(*ports: int) -> list[Rule]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _services(names: Iterable[str]) -> Rule:
    return _one_of(SERVICE_LABEL, names)


def _components(*names: str) -> Rule:
    return _one_of(COMPONENT_LABEL, names)


def _one_of(label: str, values: Iterable[str]) -> Rule:
    listed = [*values]
    if len(listed) == 1:
        return {"podSelector": {"matchLabels": {label: listed[0]}}}
    return {"podSelector": {"matchExpressions": [{"key": label, "operator": "In", "values": listed}]}}
