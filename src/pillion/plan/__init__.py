"""What must be true: from the user's topology to the workloads, addresses and rules that follow from it.

`build` is a pure function and the only place where defaults that matter for security are decided. The plan
knows nothing of Envoy; `pillion.envoy` says it in Envoy's words.
"""

from pillion.plan.build import build
from pillion.plan.model import (
    Address,
    Control,
    DnsAddress,
    Edge,
    EdgeRoute,
    Identity,
    Peer,
    Plan,
    Reached,
    Requirement,
    Rule,
    Sidecar,
    UnixSocket,
    Workload,
)
from pillion.plan.pods import in_containers, in_pods
from pillion.plan.ports import Ports, SocketAndPort, assign

__all__ = [
    "Address",
    "Control",
    "DnsAddress",
    "Edge",
    "EdgeRoute",
    "Identity",
    "Peer",
    "Plan",
    "Ports",
    "Reached",
    "Requirement",
    "Rule",
    "Sidecar",
    "SocketAndPort",
    "UnixSocket",
    "Workload",
    "assign",
    "build",
    "in_containers",
    "in_pods",
]
