"""Envoys take up replaced files while they serve, and listen nowhere else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

import psutil
import pytest

from pillion.envoy.files import render_structure
from tests import wire
from tests.envoy import rig
from tests.envoy.forge import Forge
from tests.envoy.rig import Address, Rig
from tests.local.waiting import until

PATH = "/api/orders/1"
ENOUGH = 20


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


@contextmanager
def load_that_never_fails(address: Address, token: str) -> Iterator[None]:
    """Ask before, during and after the block, on one lasting connection and on new ones: always 200."""
    lasting, single = list[int](), list[int]()
    done = threading.Event()

    def keep_asking() -> None:
        connection = HTTPConnection(*address, timeout=wire.PATIENCE_SECONDS)
        while not done.is_set():
            connection.request("GET", PATH, headers={"authorization": f"Bearer {token}"})
            with connection.getresponse() as answer:
                answer.read()
                lasting.append(answer.status)
        connection.close()

    def ask_again() -> None:
        while not done.is_set():
            answer = wire.ask(address, f"GET {PATH} HTTP/1.1", "host: x", f"authorization: Bearer {token}")
            single.append(answer.status)

    def some_more() -> None:
        before = [len(statuses) for statuses in (lasting, single)]
        until(
            lambda: all(
                load.done() or len(statuses) >= count + ENOUGH
                for load, statuses, count in zip(loads, (lasting, single), before, strict=True)
            ),
            "requests are answered",
        )

    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(keep_asking), threads.submit(ask_again)]
        try:
            some_more()
            yield
            some_more()
        finally:
            done.set()
    for load in loads:
        load.result()
    assert set(lasting) | set(single) == {200}


def test_other_keys_are_taken_up_without_a_failed_request(own: Rig) -> None:
    """Under load; a token of the old key that was remembered is refused as soon as its key is gone."""
    old, new = own.forge, Forge(own.forge.issuer, own.forge.audience)
    remembered = old.good()
    assert status(own, old) == (200, 200)
    assert status(own, new) == (401, 401)
    with load_that_never_fails(own.edge, remembered):
        rig.write(own.folder, envoy.render_verification(own.plan, {"keys": [old.jwk(), new.jwk()]}))
        until(lambda: status(own, new) == (200, 200), "both keys are taken up")
    rig.write(own.folder, envoy.render_verification(own.plan, {"keys": [new.jwk()]}))
    until(lambda: status(own, old) == (401, 401), "the old key is gone")
    for address in (own.sidecar(), own.edge):
        bearer = f"authorization: Bearer {remembered}"
        assert wire.ask(address, f"GET {PATH} HTTP/1.1", "host: x", bearer).status == 401
    assert status(own, new) == (200, 200)


def test_a_replaced_listener_is_taken_up_without_a_failed_request(own: Rig) -> None:
    """Under load: what is asked on a new connection is logged as the new file says."""
    listeners = render_structure(own.plan)["orders/listeners.yaml"]
    changed = listeners.replace("'%DURATION%'", "'%DURATION%'\n                added: here")
    assert changed != listeners
    log = own.folder / "audit" / "orders.jsonl"
    with load_that_never_fails(own.sidecar(), own.forge.good()):
        rig.write(own.folder, {"orders/listeners.yaml": changed})
        until(lambda: '"added":"here"' in log.read_text(encoding="utf-8"), "the new listener serves")


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
    """The Envoys listen on the plan's ports and on no other; each one's admin interface is a socket."""
    planned = {mesh.edge, *map(mesh.sidecar, mesh.services), *map(mesh.egress, mesh.services)}
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
