"""Sidecars get free ports, and the same again."""

import socket
from pathlib import Path

from pillion.local import ports
from tests.local.topologies import shop, state_folder


def test_the_ports_stay_the_same_as_long_as_they_are_free(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    first = ports.choose(shop(), state)
    assert ports.choose(shop(), state) == first
    taken = first["inventory"].egress
    with socket.socket() as other:
        other.bind((taken.host, taken.port))
        other.listen()
        second = ports.choose(shop(), state)
    assert second["inventory"].egress != taken
    assert second["inventory"].inbound == first["inventory"].inbound
    assert second["orders"] == first["orders"]


def test_a_new_service_does_not_move_the_ports_of_the_others(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    first = ports.choose(shop(), state)
    second = ports.choose(
        shop(
            alpha={"app": "127.0.0.1:7003"},
            orders={"app": "127.0.0.1:7001"},
            inventory={"app": "127.0.0.1:7002"},
        ),
        state,
    )
    assert {name: second[name] for name in first} == first
    every = [p.port for pair in second.values() for p in (pair.inbound, pair.egress)]
    assert len(set(every)) == len(every)


def test_a_port_that_the_topology_uses_is_given_to_no_sidecar(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    port = ports.choose(shop(), state)["orders"].inbound.port
    chosen = ports.choose(shop(orders={"app": f"127.0.0.1:{port}"}), state)
    assert port not in {chosen["orders"].inbound.port, chosen["orders"].egress.port}


def test_a_broken_note_of_ports_is_as_good_as_none(tmp_path: Path) -> None:
    state = state_folder(tmp_path)
    first = ports.choose(shop(), state)
    state.ports.write_text("{", encoding="utf-8")
    assert ports.choose(shop(), state) == first
