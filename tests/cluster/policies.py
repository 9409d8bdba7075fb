"""NetworkPolicies and Services' addresses as one set of nftables rules: pure, from objects to text.

A pod that a policy selects is open, in that direction, to what one of its policies allows; both ends have to
agree. What belongs to a connection that was let in passes. The node itself reaches every pod, as the kubelet's
probes have to.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.kubernetes.reach import matches

_SIDES: Final = (("egress", "to", "daddr"), ("ingress", "from", "saddr"))


@dataclass(frozen=True)
class Endpoint:
    """A pod, as rules see it."""

    name: str
    namespace: str
    address: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class _Known:
    pods: tuple[Endpoint, ...]
    namespaces: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Virtual:
    """A Service's address and port, and the addresses and ports behind it."""

    address: str
    port: int
    behind: tuple[tuple[str, int], ...]


def rules(
    policies: Iterable[Mapping[str, Any]],
    pods: Iterable[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
    services: Iterable[Virtual],
) -> str:
    """Write all rules; they replace those of before at once."""
    listed, known = [*policies], _Known((*pods,), namespaces)
    lines = ["table inet cluster", "delete table inet cluster", "table inet cluster {"]
    held: dict[str, list[str]] = {"egress": [], "ingress": []}
    for number, pod in enumerate(known.pods):
        for side in _SIDES:
            direction = side[0]
            selecting = [one for one in listed if _selects(one, direction, pod)]
            if selecting:
                chain = f"{direction}{number}"
                held[direction].append(f"{pod.address} : jump {chain}")
                lines += [f"chain {chain} {{"]
                for one in selecting:
                    for rule in one["spec"].get(direction) or ():
                        lines += _rule(rule, side, one["metadata"]["namespace"], known)
                lines += ["drop", "}"]
    out, into = (_jump(field, held[side]) for field, side in (("saddr", "egress"), ("daddr", "ingress")))
    lines += [
        "chain forward { type filter hook forward priority 0;",
        "ct state established,related accept",
        *out,
        *into,
        "}",
        "chain input { type filter hook input priority 0;",
        "ct state established,related accept",
        *out,
        "}",
        *_translations(services),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _jump(field: str, entries: list[str]) -> list[str]:
    return [f"ip {field} vmap {{ {', '.join(entries)} }}"] if entries else []


def _selects(policy: Mapping[str, Any], direction: str, pod: Endpoint) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and direction.title() in types and matches(spec["podSelector"], pod.labels)


def _rule(
    rule: Mapping[str, Any], side: tuple[str, str, str], namespace: str, known: _Known
) -> Iterator[str]:
    _, key, field = side
    peers = rule.get(key)
    wanted = [""] if not peers else [_peer(each, field, namespace, known) for each in peers]
    for peer in wanted:
        if peer is not None:
            for port in _ports(rule.get("ports")):
                yield f"{peer} {port} return".strip()


def _peer(peer: Mapping[str, Any], field: str, namespace: str, known: _Known) -> str | None:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        if ":" in block["cidr"]:
            return None  # there is no IPv6 here
        excepted = [one for one in block.get("except", ()) if ":" not in one]
        left = f" ip {field} != {{ {', '.join(excepted)} }}" if excepted else ""
        return f"ip {field} {block['cidr']}{left}" if block["cidr"] != "0.0.0.0/0" else left.strip()
    found = [
        pod.address
        for pod in known.pods
        if (
            matches(peer["namespaceSelector"], known.namespaces.get(pod.namespace, {}))
            if "namespaceSelector" in peer
            else pod.namespace == namespace
        )
        and matches(peer.get("podSelector") or {}, pod.labels)
    ]
    return f"ip {field} {{ {', '.join(found)} }}" if found else None


def _ports(ports: Iterable[Mapping[str, Any]] | None) -> list[str]:
    if not ports:
        return [""]
    return [
        f"meta l4proto {each.get('protocol', 'TCP').lower()}"
        + (f" th dport {each['port']}-{each.get('endPort', each['port'])}" if "port" in each else "")
        for each in ports
    ]


def _translations(services: Iterable[Virtual]) -> Iterator[str]:
    """Lead connections to a Service's address to the pods behind it in turn; where there is none, refuse them."""
    found = [*services]
    for hook, priority in (("prerouting", "dstnat"), ("output", "-100")):
        yield f"chain nat_{hook} {{ type nat hook {hook} priority {priority};"
        for one in found:
            if one.behind:
                each = ", ".join(f"{i} : {address} . {port}" for i, (address, port) in enumerate(one.behind))
                yield (
                    f"ip daddr {one.address} tcp dport {one.port} "
                    f"dnat ip to numgen inc mod {len(one.behind)} map {{ {each} }}"
                )
        yield "}"
    yield "chain refuse { type filter hook output priority 0;"
    for one in found:
        if not one.behind:
            yield f"ip daddr {one.address} tcp dport {one.port} reject with tcp reset"
    yield "}"
