"""Envoys take up replaced files while they serve, and listen nowhere else."""

import threading
from collections.abc import Iterator

import psutil
import pytest

from pillion import envoy
from tests import wire
from tests.envoy import rig
from tests.envoy.forge import Forge
from tests.envoy.rig import Rig
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


def test_other_keys_are_taken_up_without_a_failed_request(own: Rig) -> None:
    """Under load; a token of the old key that was remembered is refused as soon as its key is gone."""
    old, new = own.forge, Forge(own.forge.issuer, own.forge.audience)
    remembered = f"authorization: Bearer {old.good()}"
    assert status(own, old) == (200, 200)
    assert status(own, new) == (401, 401)
    failed: list[int] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            answer = wire.ask(own.edge, f"GET {PATH} HTTP/1.1", "host: x", remembered)
            if answer.status != 200:
                failed.append(answer.status)

    thread = threading.Thread(target=load)
    thread.start()
    rig.write(own.folder, envoy.render_verification(own.plan, {"keys": [old.jwk(), new.jwk()]}))
    until(lambda: status(own, new) == (200, 200), "both keys are taken up")
    done.set()
    thread.join()
    assert failed == []
    rig.write(own.folder, envoy.render_verification(own.plan, {"keys": [new.jwk()]}))
    until(lambda: status(own, old) == (401, 401), "the old key is gone")
    for address in (own.sidecar(), own.edge):
        assert wire.ask(address, f"GET {PATH} HTTP/1.1", "host: x", remembered).status == 401
    assert status(own, new) == (200, 200)


def test_a_replaced_listener_is_taken_up_without_a_failed_request(own: Rig) -> None:
    """Under load: what was closed is open when the file says so."""
    failed: list[int] = []
    done = threading.Event()
    bearer = f"authorization: Bearer {own.forge.good()}"

    def load() -> None:
        while not done.is_set():
            answer = wire.ask(own.sidecar(), f"GET {PATH} HTTP/1.1", "host: x", bearer)
            if answer.status != 200:
                failed.append(answer.status)

    thread = threading.Thread(target=load)
    thread.start()
    files = envoy.render_structure(own.plan)
    listeners = files["orders/listeners.yaml"]
    changed = listeners.replace("'%DURATION%'", "'%DURATION%'\n                added: here")
    assert changed != listeners
    rig.write(own.folder, {"orders/listeners.yaml": changed})
    log = own.folder / "audit" / "orders.jsonl"
    until(lambda: '"added":"here"' in log.read_text(encoding="utf-8"), "the new listener serves")
    done.set()
    thread.join()
    assert failed == []


def test_a_broken_file_is_refused_and_the_old_one_stays(own: Rig) -> None:
    """Fail static: nothing opens because somebody could not write YAML."""
    for name, text in (
        ("orders/listeners.yaml", "resources: [{"),
        ("orders/verification.yaml", "resources: []"),
        ("orders/clusters.yaml", "nonsense"),
    ):
        rig.write(own.folder, {name: text})
    log = own.folder / "orders.log"
    until(lambda: "listeners.yaml" in log.read_text(encoding="utf-8"), "Envoy complains of the file")
    assert status(own, own.forge) == (200, 200)
    assert wire.ask(own.sidecar(), f"GET {PATH} HTTP/1.1", "host: x").status == 401


def test_a_set_without_keys_is_no_set(own: Rig) -> None:
    """Envoy refuses it, so the old keys stay: whoever takes a key out of use has to name another."""
    rig.write(own.folder, envoy.render_verification(own.plan, {"keys": []}))
    log = own.folder / "orders.log"
    until(lambda: "any valid public key" in log.read_text(encoding="utf-8"), "Envoy complains of the set")
    assert status(own, own.forge) == (200, 200)


def test_an_envoy_that_never_had_a_key_serves_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not even on an open path: there is no chain of filters without the check."""
    services = "  orders: {app: APP, paths: [/api], rules: [{path: /api, allow: anyone}]}"
    with rig.running(tmp_path_factory.mktemp("none"), services, keys=lambda _: []) as started:
        for address in (started.sidecar(), started.edge):
            assert wire.ask(address, "GET /api HTTP/1.1", "host: x").status == 500
        assert started.services["orders"].seen == []


def test_the_admin_interface_is_no_port(mesh: Rig) -> None:
    """Every port on which an Envoy listens is one of the plan's; the admin socket is a file."""
    planned = {mesh.edge, *map(mesh.sidecar, mesh.services), *map(mesh.egress, mesh.services)}
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in psutil.Process().children(recursive=True)
        if "envoy" in process.name()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address for address in listening if address in planned} == planned
    sockets = sorted(path.name for path in (mesh.folder / "run").iterdir())
    assert sockets == ["edge.admin.sock", "inventory.admin.sock", "lonely.admin.sock", "orders.admin.sock"]
    for workload in ("edge", "orders"):
        text = (mesh.folder / "envoy" / workload / "bootstrap.yaml").read_text(encoding="utf-8")
        assert "port_value" not in text
