"""Edits of pillion.yaml while it runs, under load: they hold at once, and no request fails of them."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection

import httpx
import pytest

from tests import mesh as meshes
from tests import wire
from tests.control import issuer_site
from tests.control.faulty import EMAIL, PASSWORD, status
from tests.edits import edited
from tests.edits.edited import Edited, service
from tests.envoy.forge import Forge
from tests.load import load_that_never_fails
from tests.local.waiting import until


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """Run one mesh for all these tests."""
    with edited.running(tmp_path_factory.mktemp("taken-up") / "mesh") as started:
        yield started


@pytest.fixture(scope="module")
def token(lasting: Edited) -> str:
    """Give a token, which no edit makes worse."""
    return lasting.token()


@pytest.fixture
def mesh(lasting: Edited) -> Iterator[Edited]:
    """Give the mesh, and lead it back to what it was when the test began."""
    text, workloads = lasting.text, lasting.pids().keys()
    yield lasting
    if lasting.text != text:
        assert lasting.edit(text)["taken_up"]
    until(lambda: lasting.pids().keys() == workloads, "what the test has started is gone")
    assert lasting.mesh.status()["ready"]


def test_a_rule_holds_for_the_next_request_on_every_connection(mesh: Edited, token: str) -> None:
    """Also on one that was open before; nothing is started anew for it, and no connection is ended."""
    before = mesh.pids()
    lasting = HTTPConnection(*mesh.edge, timeout=10)

    def asked(path: str) -> int:
        lasting.request("GET", path, headers={"authorization": f"Bearer {token}"})
        with lasting.getresponse() as answer:
            answer.read()
            assert answer.headers["connection"] != "close"
            return answer.status

    with load_that_never_fails(mesh.edge, "/x", lambda: token) as load:
        assert (asked("/x/secret"), mesh.ask("/x/open").status) == (200, 401)
        socket = lasting.sock
        rules = "    rules: [{path: /x/secret, roles: [manager]}, {path: /x/open, allow: anyone}]\n"
        said = mesh.change(("    paths: [/x]\n", f"    paths: [/x]\n{rules}"))
        assert (asked("/x/secret"), mesh.ask("/x/open").status) == (403, 200)
        mesh.change((rules, ""))
        assert (asked("/x/secret"), mesh.ask("/x/open").status) == (200, 401)
        assert lasting.sock is socket, "the connection was made anew"
    lasting.close()
    assert "pillion.yaml: taken up in" in said
    assert "(changed: echo, edge)" in said
    assert mesh.pids() == before
    assert len(load.good) > 100


def test_a_service_comes_is_called_and_goes(mesh: Edited, token: str) -> None:
    """What was there before runs on."""
    before = mesh.pids()
    with load_that_never_fails(mesh.edge, "/x", lambda: token):
        assert mesh.ask("/stock", f"authorization: Bearer {token}").status == 404
        start = mesh.text
        said = mesh.edit(start.replace("[/x]\n", "[/x]\n    calls: [stock]\n") + service("stock"))
        assert said["taken_up"], said
        assert "new: stock" in said["said"][0]
        environment = mesh.served("/stock", token)["environment"]
        assert environment["PILLION_SERVICE"] == "stock"
        # It goes by the same stream of keys and revocations as the others.
        until(lambda: bool(mesh.mesh.workload("stock", "sidecar")["connected"]), "control knows it")
        through = meshes_address(mesh.mesh.egress("echo"))
        sent = (f"authorization: Bearer {token}",)
        assert mesh.ask("http://stock/stock", *sent, address=through).status == 200
        until(
            lambda: mesh.ask("http://stock/stock", address=through).status == 200,
            "it is called by echo in its own name",
        )
        now = mesh.pids()
        assert {name: pid for name, pid in now.items() if "stock" not in name} == before
        with asking(mesh, "stock", "spiffe://test/service/echo") as as_echo:
            assert as_echo() == 401
            mesh.change(("    calls: [stock]\n", ""))
            assert (as_echo(), mesh.ask("/stock", *sent).status) == (403, 200)
        assert mesh.pids() == now
        said = mesh.edit(start)
        assert "gone: stock" in said["said"][0]
        assert mesh.ask("/stock", *sent).status == 404
        assert mesh.ask("http://stock/stock", *sent, address=through).status == 403
        until(lambda: mesh.pids() == before, "its processes are gone")
        for files in ("envoy", "certificates"):
            gone = mesh.mesh.state / files / "stock"
            until(lambda gone=gone: not gone.exists(), "its files are gone")  # type: ignore[misc]
    mesh.mesh.stop()
    again = mesh.mesh.pillion("up", "--detach", timeout=60)
    assert again.returncode == 0, again.stderr


def test_a_service_that_moves_is_there_all_the_time(mesh: Edited, token: str) -> None:
    """The new process serves before the old one is stopped; where both need one port, there is a gap."""
    before = mesh.pids()
    old = mesh.mesh.workload("echo", "service")["address"]
    [port] = meshes.free_ports(1)
    with load_that_never_fails(mesh.edge, "/x", lambda: token):
        assert "started anew: echo" in mesh.change((old, f"127.0.0.1:{port}"))
        assert mesh.served("/x", token)["environment"]["PORT"] == str(port)
        until(
            lambda: "echo service" in mesh.pids() and len(mesh.pids()) == len(before), "the old one is gone"
        )
    changed = {name for name, pid in mesh.pids().items() if pid != before[name]}
    assert changed == {"echo service"}
    mesh.change(("python echo.py", "env MARK=here python echo.py"))
    assert mesh.served("/x", token)["environment"]["MARK"] == "here"


def test_identity_takes_up_its_settings_while_sessions_are_renewed(mesh: Edited) -> None:
    """Under a load that needs identity for every request: a session, and never a token."""
    with httpx.Client(base_url=mesh.mesh.edge, headers={"origin": mesh.mesh.edge}) as browser:
        browser.post("/sign-in", json={"email": EMAIL, "password": PASSWORD}).raise_for_status()
        session = f"pillion-session={browser.cookies['pillion-session']}"
    statuses: list[int] = []
    done = threading.Event()

    def keep_renewing() -> None:
        while not done.is_set():
            statuses.append(mesh.ask("/x", f"cookie: {session}").status)

    before = mesh.pids()
    renewing = threading.Thread(target=keep_renewing)
    renewing.start()
    try:
        until(lambda: len(statuses) > 20, "sessions are renewed")
        said = mesh.change(("services:", "identity: {sign_up: closed}\ntokens: {lifetime: 2m}\nservices:"))
        assert "started anew: identity" in said
        until(lambda: len(mesh.pids()) == len(before), "the old one is gone")
        once = len(statuses)
        until(lambda: len(statuses) > once + 20, "sessions are renewed")
    finally:
        done.set()
        renewing.join()
    assert set(statuses) == {200}, {status: statuses.count(status) for status in set(statuses)}
    assert {name for name, pid in mesh.pids().items() if pid != before[name]} == {"identity identity"}
    assert (
        httpx.post(f"{mesh.mesh.edge}/sign-up", json={}, headers={"origin": mesh.mesh.edge}).status_code
        == 404
    )


def test_tokens_of_every_algorithm_stay_good(mesh: Edited) -> None:
    """From RS256 to ES256 to EdDSA: those of before, meanwhile."""
    start, tokens = mesh.text, [mesh.token()]
    for algorithm in ("ES256", "EdDSA"):
        said = mesh.edit(start.replace("services:", f"tokens: {{algorithm: {algorithm}}}\nservices:"))
        assert said["taken_up"], said
        until(lambda wanted=algorithm: signs(mesh) == wanted, f"{algorithm} signs")  # type: ignore[misc]
        tokens.append(mesh.token())
    assert [signed_with(token) for token in tokens] == ["RS256", "ES256", "EdDSA"]
    for token in tokens:
        assert (status(mesh.edge, token), status(mesh.sidecar, token)) == (200, 200)
    discovered = httpx.get(f"{mesh.mesh.edge}/.well-known/openid-configuration").json()
    assert discovered["id_token_signing_alg_values_supported"] == ["ES256", "EdDSA", "RS256"]
    published = httpx.get(f"{mesh.mesh.edge}/.well-known/jwks.json").json()["keys"]
    assert mesh.mesh.workload("edge", "edge")["keys"] == [key["kid"] for key in published]


def test_a_frontend_elsewhere_is_let_in_and_out(mesh: Edited, token: str) -> None:
    """The edge's filters change for it, and identity, which looks at origins as well."""
    start = mesh.text
    asked = ("origin: http://localhost:5173", "access-control-request-method: GET")

    def allowed() -> bool:
        answer = wire.ask(mesh.edge, "OPTIONS /x HTTP/1.1", "host: x", *asked)
        return answer.headers.get("access-control-allow-origin") == "http://localhost:5173"

    with load_that_never_fails(mesh.edge, "/x", lambda: token):
        assert not allowed()
        said = mesh.change(("edge: {", "edge: {allow_origins: ['http://localhost:5173'], "))
        assert "(started anew: identity; changed: edge)" in said
        assert allowed()
        assert mesh.edit(start)["taken_up"]
        assert not allowed()


def test_another_issuer_is_trusted_and_no_more(mesh: Edited, token: str) -> None:
    site, sso = issuer_site.new(), Forge("https://sso.example", "shop-api")
    site.publish(sso.jwk())
    trust = f"trust: {{sso: {{issuer: {sso.issuer}, jwks: '{site.url}', audience: shop-api}}}}\n"
    theirs = sso.good()
    with site.running(), load_that_never_fails(mesh.edge, "/x", lambda: token):
        assert status(mesh.edge, theirs) == 401
        mesh.change(("services:", f"{trust}services:"))
        until(lambda: status(mesh.edge, theirs) == 200, "its tokens are good")
        assert mesh.served("/x", theirs)["headers"]["x-pillion-user"].startswith("sso:")
        mesh.change((trust, ""))
        until(lambda: status(mesh.edge, theirs) == 401, "its tokens are good no more")
    # The files of before are the files of now: nothing is left of it.
    assert "sso" not in (mesh.mesh.state / "envoy" / "edge" / "listeners.yaml").read_text(encoding="utf-8")


def test_a_file_that_is_written_in_pieces_is_read_when_it_is_whole(mesh: Edited) -> None:
    """In place, as some editors do: in between the file says less, and may make sense all the same."""
    before, last, said = mesh.pids(), mesh.last(), mesh.log().count("pillion.yaml")
    whole = mesh.text + service("stock") + service("cart")
    half = whole.partition("  cart:")[0]
    with mesh.file.open("w", encoding="utf-8") as file:
        for piece in (
            whole[: len(mesh.text) // 2],
            whole[len(mesh.text) // 2 : len(half)],
            whole[len(half) :],
        ):
            file.write(piece)
            file.flush()
            time.sleep(0.05)
    until(lambda: mesh.last() != last, "it is taken up")
    assert mesh.last()["taken_up"]
    assert "new: cart, stock" in mesh.last()["said"][0]
    until(lambda: mesh.log().count("pillion.yaml") == said + 1, "it is said, once")
    assert {name: pid for name, pid in mesh.pids().items() if name in before} == before


def test_of_several_edits_at_once_the_last_one_counts(mesh: Edited, token: str) -> None:
    start = mesh.text
    stock = service("stock")
    last = stock.replace("[/stock]", "[/stock, /last]")
    for text in (start + stock, start, start + stock, start + stock + service("cart"), start + last):
        mesh.write(text)
        time.sleep(0.3)
    until(lambda: mesh.ask("/last", f"authorization: Bearer {token}").status == 200, "the last is taken up")
    until(lambda: mesh.mesh.status()["ready"] and "cart service" not in mesh.pids(), "cart does not run")
    assert mesh.served("/stock", token)


@contextmanager
def asking(mesh: Edited, callee: str, caller: str) -> Iterator[Callable[[], int]]:
    """Ask a sidecar in a workload's place, without a token, on one connection from the first request on."""
    door = mesh.mesh.door(callee, caller)
    connection = HTTPSConnection(door.host, door.port, context=door.context, timeout=10)

    def ask() -> int:
        known = connection.sock
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            answer.read()
        assert known is None or connection.sock is known
        return answer.status

    yield ask
    connection.close()


def test_certificates_are_looked_after_while_it_runs(mesh: Edited, token: str) -> None:
    """What is taken away is issued anew within a second or two, and used."""
    file = mesh.mesh.state / "certificates" / "echo" / "svid.json"
    was = file.read_text(encoding="utf-8")
    with load_that_never_fails(mesh.edge, "/x", lambda: token):
        file.unlink()
        until(file.exists, "there is another one")
    assert file.read_text(encoding="utf-8") != was
    with asking(mesh, "echo", "spiffe://test/edge") as as_edge:
        assert as_edge() == 401


def meshes_address(url: str) -> tuple[str, int]:
    """Take the address out of a URL."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


def signed_with(token: str) -> str:
    """Name the algorithm of a token."""
    header = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["alg"])


def signs(mesh: Edited) -> str:
    """Name the algorithm of the key that signs."""
    listed = json.loads(mesh.do("keys", "list", "--json"))
    [algorithm] = [key["algorithm"] for key in listed if key["state"] == "signing"]
    return str(algorithm)
