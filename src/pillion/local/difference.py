"""What an edit of the topology comes to: which workloads are new, gone or others, and what needs a start."""

from collections.abc import Iterable
from dataclasses import dataclass

from pillion.local.record import Kind
from pillion.local.spec import Spec
from pillion.topology import Topology

Key = tuple[Kind, str]


@dataclass(frozen=True)
class Difference:
    """Workloads by kind and name; what is in none of these goes on running untouched."""

    new: frozenset[Key]
    gone: frozenset[Key]
    others: frozenset[Key]

    @property
    def starting(self) -> frozenset[Key]:
        """Those that have to be started."""
        return self.new | self.others

    @property
    def ending(self) -> frozenset[Key]:
        """Those whose present process has to end."""
        return self.gone | self.others


def difference(running: Iterable[Spec], wanted: Iterable[Spec]) -> Difference:
    """Hold what runs against what is to run: another command, address or egress makes another workload."""
    before = {key(spec): _made_of(spec) for spec in running}
    after = {key(spec): _made_of(spec) for spec in wanted}
    return Difference(
        new=frozenset(after.keys() - before.keys()),
        gone=frozenset(before.keys() - after.keys()),
        others=frozenset(k for k in after.keys() & before.keys() if before[k] != after[k]),
    )


def key(spec: Spec) -> Key:
    """Name a workload; a service and its sidecar share a name."""
    return spec.kind, spec.name


def needs_a_start(before: Topology, after: Topology) -> list[str]:
    """Name the keys of the topology that have changed, and on which all tokens, cookies or accounts hang."""
    values = {
        "mesh": (before.mesh, after.mesh),
        "edge.listen": (before.edge.listen, after.edge.listen),
        "edge.origin": (before.edge.origin, after.edge.origin),
        "edge.tls": (before.edge.tls, after.edge.tls),
        "identity.database": (before.identity.database, after.identity.database),
    }
    return [name for name, (was, is_) in values.items() if was != is_]


def _made_of(spec: Spec) -> tuple[object, ...]:
    return spec.command, spec.address, spec.egress
