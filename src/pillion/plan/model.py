"""The plan: frozen, sorted, and complete, so that the stages after it decide nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pillion.plan.issuer import Issuer
from pillion.plan.needs import ANYONE, Requirement
from pillion.topology import Address, Tls, UnixSocket
from pillion.vocabulary import Cookies

__all__ = [
    "ANYONE",
    "Address",
    "Edge",
    "EdgeRoute",
    "Identity",
    "Issuer",
    "Peer",
    "Plan",
    "Requirement",
    "Rule",
    "Sidecar",
    "Tls",
    "UnixSocket",
    "Workload",
]


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
    """A service that another may call: where its sidecar listens, and what is in its certificate."""

    service: str
    address: Address | UnixSocket
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

    `inbound` takes requests for the service, `egress` those that the service makes. `rules` are in order,
    the first match decides, and the last one matches everything. `callers` are the SPIFFE IDs of those who may
    send requests to it at all: the rules are asked for no others.
    """

    service: str
    spiffe_id: str
    inbound: Address | UnixSocket
    egress: Address
    app: Address | UnixSocket
    rules: tuple[Rule, ...]
    peers: tuple[Peer, ...]
    callers: tuple[str, ...]

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
    """Where the edge reaches identity, and the paths of the edge that identity answers."""

    address: Address | UnixSocket
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that follows from one topology; `collector` takes spans and audit lines, if there is one."""

    mesh: str
    verification: Verification
    edge: Edge
    identity: Identity
    sidecars: tuple[Sidecar, ...]
    collector: Address | UnixSocket | None = None

    @property
    def spiffe_ids(self) -> dict[str, str]:
        """The SPIFFE IDs of the workloads by their names."""
        edge = {self.edge.workload.name: self.edge.spiffe_id}
        return edge | {sidecar.workload.name: sidecar.spiffe_id for sidecar in self.sidecars}
