"""The plan: frozen, sorted, and complete, so that the stages after it decide nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal

from pillion.plan.issuer import Issuer
from pillion.plan.needs import ANYONE, Requirement
from pillion.topology import Address, DnsAddress, Tls, UnixSocket
from pillion.vocabulary import Cookies

__all__ = [
    "ANYONE",
    "CONTROL_SOCKET",
    "IDENTITY_SOCKET",
    "Address",
    "Control",
    "DnsAddress",
    "Edge",
    "EdgeRoute",
    "Identity",
    "Issuer",
    "Peer",
    "Plan",
    "Pods",
    "Reached",
    "Requirement",
    "Rule",
    "Sidecar",
    "Tls",
    "UnixSocket",
    "Workload",
]


# Where these listen, on their machine or in their pod; relative to the working directory of every Envoy.
IDENTITY_SOCKET: Final = UnixSocket(path="run/identity.sock")
CONTROL_SOCKET: Final = UnixSocket(path="run/control.sock")

# Where somebody is reached: in pods by a name.
Reached = Address | DnsAddress | UnixSocket


@dataclass(frozen=True)
class Rule:
    """What one set of requests requires.

    `name` is the place in the topology (`rules[0]`, or `default`). `path` is a prefix of whole path segments
    (`/` for all). No `methods` means every method.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    requires: Requirement


@dataclass(frozen=True)
class Workload:
    """One Envoy: its name in files, logs and `pillion status`, and what it is."""

    name: str
    kind: Literal["edge", "sidecar"]


@dataclass(frozen=True)
class Peer:
    """A service that another may call: where its sidecar is reached, and what is in its certificate."""

    service: str
    address: Reached
    spiffe_id: str


@dataclass(frozen=True)
class Verification:
    """What a token must say to be accepted anywhere in the mesh (RFC 9068, section 4).

    `trusted` are the other issuers, whose tokens say something else.
    """

    issuer: str
    audience: str
    max_lifetime: timedelta
    trusted: tuple[Issuer, ...] = ()


@dataclass(frozen=True)
class Sidecar:
    """The Envoy beside one service.

    `inbound` takes requests for the service, others find it where it is `reached`; `egress` takes those that the
    service makes. `rules` are in order, the first match decides, and the last one matches everything. `callers`
    are the SPIFFE IDs of those who may send requests to it at all: the rules are asked for no others. `health` is
    the path at which the service says how it is.
    """

    service: str
    spiffe_id: str
    inbound: Address | UnixSocket
    reached: Reached
    egress: Address
    app: Address | UnixSocket
    rules: tuple[Rule, ...]
    peers: tuple[Peer, ...]
    callers: tuple[str, ...]
    health: str | None = None

    @property
    def workload(self) -> Workload:
        """The Envoy's name and kind."""
        return Workload(self.service, "sidecar")


@dataclass(frozen=True)
class EdgeRoute:
    """Requests below `path` (limited to `methods` if any) go to `service`.

    `open` is true when some caller without a token may be let in: the sidecar decides, by its rules.
    """

    path: str
    methods: tuple[str, ...]
    service: str
    open: bool


@dataclass(frozen=True)
class Edge:
    """The public door. `routes` are in the order in which they are tried."""

    spiffe_id: str
    listen: Address
    origin: str
    tls: Tls | None
    allow_origins: tuple[str, ...]
    cookies: Cookies
    routes: tuple[EdgeRoute, ...]

    @property
    def workload(self) -> Workload:
        """The Envoy's name and kind."""
        return Workload("edge", "edge")


@dataclass(frozen=True)
class Identity:
    """Where the edge reaches identity, and the paths of the edge that identity answers.

    `spiffe_id` is what is in its certificate; without one it is a socket, which this user alone can open.
    """

    address: Reached
    paths: tuple[str, ...]
    spiffe_id: str | None = None


@dataclass(frozen=True)
class Control:
    """Where every Envoy reaches control; `spiffe_id` as of identity."""

    address: Reached = CONTROL_SOCKET
    spiffe_id: str | None = None


@dataclass(frozen=True)
class Pods:
    """What there is in pods alone: sidecars of identity and control, and whom they let in, by SPIFFE ID.

    `token_callers` are the services that ask identity for tokens of their own, and for nothing else;
    `stream_callers` are those who keep up a stream to control. What is only identity's to answer, the edge asks.
    """

    inbound: Address
    token_callers: tuple[str, ...]
    stream_callers: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that follows from one topology; `collector` takes spans and audit lines, if there is one.

    `pods` is None where all runs on one machine.
    """

    mesh: str
    verification: Verification
    edge: Edge
    identity: Identity
    sidecars: tuple[Sidecar, ...]
    collector: Reached | None = None
    control: Control = Control()
    pods: Pods | None = None

    @cached_property
    def by_service(self) -> Mapping[str, Sidecar]:
        """The sidecars by their services' names."""
        return {sidecar.service: sidecar for sidecar in self.sidecars}

    @cached_property
    def services(self) -> Mapping[str, str]:
        """The names of the services by their SPIFFE IDs."""
        return {sidecar.spiffe_id: sidecar.service for sidecar in self.sidecars}

    @property
    def spiffe_ids(self) -> dict[str, str]:
        """The SPIFFE IDs of the workloads by their names."""
        own = {"identity": self.identity.spiffe_id, "control": self.control.spiffe_id}
        edge = {self.edge.workload.name: self.edge.spiffe_id}
        return (
            edge
            | {name: spiffe_id for name, spiffe_id in own.items() if spiffe_id is not None}
            | {sidecar.workload.name: sidecar.spiffe_id for sidecar in self.sidecars}
        )
