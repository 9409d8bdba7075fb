"""Envoys take up replaced files while they serve, and listen nowhere else."""

from collections.abc import Iterator

import psutil
import pytest

from pillion.envoy.files import render_structure
from tests import wire
from tests.envoy import rig
from tests.envoy.forge import Forge
from tests.envoy.rig import Rig
from tests.load import load_that_never_fails
from tests.local.waiting import until

PATH = "/api/orders/1"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys whose files may be changed."""
    with rig.running(tmp_path_factory.mktemp("own"), "  orders: {app: APP, paths: [/api/orders]}") as started:
        yield started


def status(mesh: Rig, forge: Forge) -> tuple[int, int]:
    """Ask with a fresh token of `forge`, at the sidecar and at the edge."""
    bearer = f"authorization: Bearer {forge.good()}"
    first, second = (
        wire.ask(address, f"GET {PATH} HTTP/1.1", "host: x", bearer).status
        for address in (mesh.sidecar(), mesh.edge)
    )
    return first, second


def test_a_replaced_listener_is_taken_up_without_a_failed_request(own: Rig) -> None:
    """Under load: what is asked on a new connection is logged as the new file says."""
    listeners = render_structure(own.plan)["orders/listeners.yaml"]
    changed = listeners.replace('"%DURATION%"', '"%DURATION%"\n                added: here', 1)
    assert changed != listeners
    log = own.folder / "audit" / "orders.jsonl"
    with load_that_never_fails(own.sidecar(), PATH, own.forge.good):
        rig.write(own.folder, {"orders/listeners.yaml": changed})
        until(lambda: '"added":"here"' in log.read_text(encoding="utf-8"), "the new listener serves")


def test_a_broken_file_is_refused_and_the_old_one_stays(own: Rig) -> None:
    """Fail static: nothing opens because somebody could not write YAML."""
    for name, text in (
        ("orders/listeners.yaml", "resources: [{"),
        ("orders/clusters.yaml", "nonsense"),
    ):
        rig.write(own.folder, {name: text})
    log = own.folder / "orders.log"
    until(lambda: "listeners.yaml" in log.read_text(encoding="utf-8"), "Envoy complains of the file")
    assert status(own, own.forge) == (200, 200)
    assert wire.ask(own.sidecar(), f"GET {PATH} HTTP/1.1", "host: x").status == 401


def test_an_envoy_that_never_had_a_key_serves_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It does not even listen: there is no chain of filters without the check."""
    services = "  orders: {app: APP, paths: [/api], rules: [{path: /api, allow: anyone}]}"
    folder = tmp_path_factory.mktemp("none")
    with rig.running(folder, services, keys=lambda _: [], listening=False) as started:
        logs = [folder / "orders.log", folder / "edge.log"]
        complaint = "any valid public key"
        until(
            lambda: all(complaint in log.read_text(encoding="utf-8") for log in logs), "the Envoys complain"
        )
        for address in (started.sidecar(), started.edge):
            with pytest.raises(OSError, match="refused"):
                wire.ask(address, "GET /api HTTP/1.1", "host: x")
        assert started.services["orders"].seen == []


def test_the_admin_interface_is_no_port(mesh: Rig) -> None:
    """The Envoys listen on the plan's ports and on no other; each one's admin interface is a socket."""
    sidecars = (mesh.sidecar(service)[:2] for service in mesh.services)
    planned = {mesh.edge, *sidecars, *map(mesh.egress, mesh.services)}
    envoys = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.cwd() == str(mesh.folder.resolve())
    ]
    assert len(envoys) == 1 + len(mesh.services)
    listening = [
        (connection.laddr.ip, connection.laddr.port)
        for process in envoys
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == planned
    sockets = {path.name for path in (mesh.folder / "run").iterdir() if path.is_socket()}
    assert sockets == {f"{name}.admin.sock" for name in ("edge", *mesh.services)}
