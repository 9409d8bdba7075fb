"""While an isolated mesh runs: what dies comes back into its network, and edits make networks and unmake them."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx

from tests.isolate.isolated import Isolated, namespace
from tests.local.waiting import until
from tests.mesh import free_ports
from tests.telemetry import collector


def test_a_service_that_dies_comes_back_into_the_same_network(mesh: Isolated) -> None:
    first, network = mesh.pid("stock"), namespace(mesh.pid("stock"), "net")
    os.kill(first, signal.SIGKILL)
    until(lambda: ready(mesh, "stock", "service", first), "the service is back")
    assert namespace(mesh.pid("stock"), "net") == network
    until(lambda: mesh.inside("curl -s http://stock/") == "stockexit 0", "it is reached again")


def test_a_sidecar_that_dies_comes_back_into_the_same_network(mesh: Isolated) -> None:
    first, network = mesh.pid("stock", "sidecar"), namespace(mesh.pid("stock"), "net")
    os.kill(first, signal.SIGKILL)
    until(lambda: ready(mesh, "stock", "sidecar", first), "the sidecar is back")
    assert namespace(mesh.pid("stock", "sidecar"), "net") == network
    until(lambda: mesh.inside("curl -s http://stock/") == "stockexit 0", "it is reached again")


def test_an_edit_adds_a_service_that_is_isolated_and_takes_it_away_again(mesh: Isolated) -> None:
    before = mesh.mesh.file.read_text(encoding="utf-8")
    (port,) = free_ports(1)
    added = f"""  extra:
    app: 127.0.0.1:{port}
    run: python taken_over.py
    paths: [/extra]
    rules: [{{path: /extra, allow: anyone}}]
"""
    said = edit(mesh, before + added)
    assert "new: extra" in said[0], said
    assert httpx.get(f"{mesh.mesh.edge}/extra").text == "extra"
    network = namespace(mesh.pid("extra"), "net")
    assert network not in {namespace(os.getpid(), "net"), namespace(mesh.pid("front"), "net")}
    assert network in held(mesh)
    said = edit(mesh, before)
    assert "gone: extra" in said[0], said
    until(lambda: network not in held(mesh), "its network is given up")
    assert httpx.get(f"{mesh.mesh.edge}/front").text == "front"


def test_what_isolated_sidecars_tell_reaches_a_collector_at_a_port(mesh: Isolated) -> None:
    before = mesh.mesh.file.read_text(encoding="utf-8")
    (port,) = free_ports(1)
    with collector.listening(port) as there:
        said = edit(mesh, f"{before}telemetry: {{otlp: 'http://127.0.0.1:{port}'}}\n")
        assert "taken up" in said[-1], said

        def told() -> bool:
            mesh.inside(
                "curl -s http://stock/"
            )  # the first go by what held before the edit, on open connections
            tellers = ({one.service for one in there.spans}, {one.service for one in there.records})
            return {"front", "stock"} <= set.intersection(*tellers)

        until(told, "spans and audit lines of both sidecars come in")
        assert "taken up" in edit(mesh, before)[-1]


def test_an_edit_that_adds_what_cannot_be_isolated_is_refused(mesh: Isolated) -> None:
    before = mesh.mesh.file.read_text(encoding="utf-8")
    try:
        said = edit(mesh, before + "  other: {app: '127.0.0.1:1', paths: [/other]}\n")
        assert said[0].startswith("services.other in pillion.yaml: ")
        assert "not taken up" in said[-1]
    finally:
        assert edit(mesh, before) == ["pillion.yaml: says again what runs"]


def ready(mesh: Isolated, name: str, kind: str, other_than: int) -> bool:
    """Say whether a workload is ready, in another process."""
    workload = mesh.mesh.workload(name, kind)
    return bool(workload["state"] == "ready" and workload["pid"] != other_than)


def edit(mesh: Isolated, text: str) -> list[str]:
    """Write the topology, and wait for what is said of it."""
    before = mesh.mesh.status()["edit"]
    mesh.mesh.file.write_text(text, encoding="utf-8")
    until(lambda: mesh.mesh.status()["edit"] != before, "the edit is taken up or refused")
    said: list[str] = mesh.mesh.status()["edit"]["said"]
    return said


def held(mesh: Isolated) -> set[str]:
    """Name the namespaces that `pillion up` holds by descriptors."""
    found = set()
    for descriptor in Path(f"/proc/{mesh.mesh.status()['supervisor']}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(descriptor.readlink()))
    return found
