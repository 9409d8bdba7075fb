"""The networks: one for every two that have something to say to each other, and nobody reaches anybody else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pillion.compose import names, programs
from pillion.kubernetes.names import CONTROL, EDGE, IDENTITY
from pillion.plan import DnsAddress, Plan
from pillion.topology import Topology
from pillion.vocabulary import own_spiffe_id

COLLECTOR: Final = "collector"
_PUBLIC: Final = "edge_public"


@dataclass(frozen=True)
class Network:
    """A network, and its containers with the names that they have there besides.

    Without `inside` it leads out of the machine too.
    """

    name: str
    members: tuple[tuple[str, str | None], ...]
    inside: bool = True


def networks(topology: Topology, plan: Plan) -> list[Network]:
    """Give them all, in order."""
    return sorted((*_between(plan), *_of_programs(topology, plan)), key=lambda network: network.name)


def attached(all_of_them: list[Network]) -> dict[str, dict[str, Any]]:
    """Give the networks of each container, as Compose has them in a container's description."""
    found: dict[str, dict[str, Any]] = {}
    for network in all_of_them:
        for container, alias in network.members:
            found.setdefault(container, {})[network.name] = {"aliases": [alias]} if alias else None
    return found


def defined(all_of_them: list[Network]) -> dict[str, Any]:
    """Define them."""
    return {one.name: {"internal": True} if one.inside else {} for one in all_of_them}


def _between(plan: Plan) -> Iterator[Network]:
    """Let each Envoy reach those that it has business with: the same question as `calls` answers, and no other."""
    by_id = {spiffe_id: name for name, spiffe_id in plan.spiffe_ids.items()}
    edge = own_spiffe_id(plan.mesh, EDGE)
    for sidecar in plan.sidecars:
        for caller in sidecar.callers:
            yield _pair(by_id[caller], sidecar.service)
    if plan.pods is not None:
        for caller in (edge, *plan.pods.token_callers):
            yield _pair(by_id[caller], IDENTITY)
        for caller in plan.pods.stream_callers:
            yield _pair(by_id[caller], CONTROL)
    if isinstance(plan.collector, DnsAddress):
        for name in plan.spiffe_ids:
            yield Network(f"{name}_{COLLECTOR}", ((names.in_network(name), None),))


def _pair(caller: str, callee: str) -> Network:
    members = ((names.in_network(caller), None), (names.in_network(callee), callee))
    return Network(f"{caller}_{callee}", members)


def _of_programs(topology: Topology, plan: Plan) -> Iterator[Network]:
    """Let the world in at the edge, and identity and control to the database and to what the topology names."""
    yield Network(_PUBLIC, ((names.envoy(EDGE), None),), inside=False)
    its = topology.identity
    here = programs.has_database(topology)
    if here:
        database = (names.DATABASE, programs.DATABASE_HOST)
        yield Network("identity_database", ((IDENTITY, None), (names.IDENTITY_PREPARE, None), database))
        yield Network("control_database", ((CONTROL, None), database))
    if not here or its.mail or its.users or its.providers:
        yield Network("identity_outside", ((IDENTITY, None), (names.IDENTITY_PREPARE, None)), inside=False)
    if not here or plan.verification.trusted:
        yield Network("control_outside", ((CONTROL, None),), inside=False)
