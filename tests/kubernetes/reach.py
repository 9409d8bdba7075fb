"""May one pod connect to another? By the words of NetworkPolicy's documentation, and none of ours.

A pod that no policy selects (for a direction) is open in it; one that some select is open to what one of their
rules allows. A connection needs both ends' consent.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Policy = Mapping[str, Any]
Direction = Literal["ingress", "egress"]


@dataclass(frozen=True)
class Pod:
    """A pod, as policies see it."""

    name: str
    address: str
    namespace: str
    labels: Mapping[str, str]

    @property
    def namespace_labels(self) -> dict[str, str]:
        """What Kubernetes writes on each namespace, and what an administrator wrote on Prometheus'."""
        metrics = {"pillion.dev/metrics": "true"} if self.namespace == "monitoring" else {}
        return {"kubernetes.io/metadata.name": self.namespace, **metrics}


def may_reach(policies: Iterable[Policy], source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
    """Say whether `source` may connect to this port of `target`."""
    listed = [*policies]
    asked = (port, protocol)
    return _open(listed, "egress", source, target, asked) and _open(listed, "ingress", target, source, asked)


def _open(policies: list[Policy], direction: Direction, pod: Pod, other: Pod, asked: tuple[int, str]) -> bool:
    selecting = [one for one in policies if _selects(one, pod) and direction.title() in _types(one["spec"])]
    if not selecting:
        return True
    return any(
        _ports(rule.get("ports"), *asked) and _peers(rule, direction, one["metadata"]["namespace"], other)
        for one in selecting
        for rule in one["spec"].get(direction) or ()
    )


def _types(spec: Mapping[str, Any]) -> list[str]:
    written: list[str] = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return written


def _selects(policy: Policy, pod: Pod) -> bool:
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and matches(policy["spec"]["podSelector"], pod.labels)


def _peers(rule: Mapping[str, Any], direction: Direction, namespace: str, other: Pod) -> bool:
    peers = rule.get("from" if direction == "ingress" else "to")
    return not peers or any(_is(peer, namespace, other) for peer in peers)


def _is(peer: Mapping[str, Any], namespace: str, pod: Pod) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ipaddress.ip_address(pod.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(each) for each in block.get("except", ()))
    if "namespaceSelector" in peer:
        there = matches(peer["namespaceSelector"], pod.namespace_labels)
    else:
        there = pod.namespace == namespace
    return there and matches(peer.get("podSelector", {}), pod.labels)


def _ports(ports: Iterable[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    if not ports:
        return True
    return any(
        each.get("protocol", "TCP") == protocol
        and ("port" not in each or each["port"] <= port <= each.get("endPort", each["port"]))
        for each in ports
    )


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a label selector takes these labels; an empty one takes all."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expressed(each, labels) for each in expressions
    )


def _expressed(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise AssertionError(f"no operator: {other}")
