"""The sidecars' ports."""

from pillion.plan import assign
from pillion.topology import Topology


def topology(*apps: str, edge: str = "127.0.0.1:8080") -> Topology:
    """Make a topology of services at these addresses."""
    services = {f"s{index}": {"app": app} for index, app in enumerate(apps)}
    return Topology.model_validate({"mesh": "m", "edge": {"listen": edge}, "services": services})


def ports_of(written: Topology, *candidates: int) -> list[int]:
    """List the ports, service by service, inbound before egress."""
    assigned = assign(written, iter(candidates) if candidates else None)
    return [address.port for ports in assigned.values() for address in (ports.inbound, ports.egress)]


def test_the_same_topology_gets_the_same_ports() -> None:
    """So that rendered files do not change by themselves."""
    two = topology("127.0.0.1:7001", "127.0.0.1:7002")
    assert ports_of(two) == ports_of(two) == [15001, 15002, 15003, 15004]


def test_ports_that_the_topology_uses_are_passed_over() -> None:
    """The edge's and the services' own; a socket has none."""
    written = topology("127.0.0.1:15002", "unix:/run/app.sock", edge="127.0.0.1:15001")
    assert ports_of(written) == [15003, 15004, 15005, 15006]


def test_candidates_are_taken_in_their_order() -> None:
    """`pillion up` offers those that are free."""
    assert ports_of(topology("127.0.0.1:7001"), 9, 7001, 8) == [9, 8]


def test_sidecars_listen_on_loopback_alone() -> None:
    """On one machine nobody outside has to reach them."""
    assert {
        address.host
        for ports in assign(topology("127.0.0.1:7001")).values()
        for address in (ports.inbound, ports.egress)
    } == {"127.0.0.1"}
