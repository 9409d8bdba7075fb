"""Keys and revocations on a real mesh under load: while they change, while everything that knows them is dead."""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from http.cookies import SimpleCookie

import httpx
import psutil
import pytest

from pillion.envoy.names import REVOKED_FILE, VERIFICATION
from tests import wire
from tests.control import faulty, issuer_site
from tests.control.faulty import EMAIL, PASSWORD, PATH, Faulty, status, stays, wire_json
from tests.envoy.forge import SUB, Forge
from tests.load import load_that_never_fails
from tests.local.waiting import until

# What pillion.local.keeper waits at most before it starts again what died three times in a row.
BACK_SECONDS = 40.0
# Between two tokens that a browser is given while the keys change.
RENEWAL_SECONDS = 0.02


@pytest.fixture(scope="module")
def sso() -> Iterator[tuple[Forge, str]]:
    """Give another issuer, which the mesh trusts, and where it publishes its keys."""
    site, forge = issuer_site.new(), Forge("https://sso.example", "shop-api")
    site.publish(forge.jwk())
    with site.running():
        yield forge, site.url


@pytest.fixture(scope="module")
def mesh(sso: tuple[Forge, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Give a running mesh; every test leaves it whole."""
    forge, url = sso
    trust = f"trust: {{sso: {{issuer: {forge.issuer}, jwks: '{url}', audience: {forge.audience}}}}}\n"
    with faulty.running(tmp_path_factory.mktemp("faults") / "mesh", trust) as started:
        yield started


@pytest.fixture
def theirs(mesh: Faulty, sso: tuple[Forge, str]) -> tuple[str, str]:
    """Give a good token of the other issuer's, which is let in by now, and one with another key."""
    forge, _ = sso
    good = forge.good()
    until(lambda: both(mesh, good) == (200, 200), "their tokens are good")
    return good, Forge(forge.issuer, forge.audience, kid=forge.kid).good()


@pytest.fixture
def forged(mesh: Faulty) -> str:
    """Give a token that is good but for its key."""
    forge = Forge(mesh.mesh.edge, "test")
    listed = json.loads(mesh.do("keys", "list", "--json"))
    [kid] = [key["kid"] for key in listed if key["state"] == "signing"]
    return forge.good(header={"kid": kid})


def both(mesh: Faulty, token: str) -> tuple[int, int]:
    """Say how the edge and the sidecar answer the bearer of a token."""
    return status(mesh.edge, token), status(mesh.sidecar, token)


def envoys(mesh: Faulty) -> tuple[int, int]:
    """Name the Envoys' processes."""
    return mesh.pid("edge", "edge"), mesh.pid("echo", "sidecar")


def revoked(mesh: Faulty) -> str:
    """Give a token that every Envoy has acknowledged to be revoked."""
    token = mesh.token()
    assert "refused everywhere" in mesh.do("session", "revoke", "--session", mesh.sid(token))
    assert both(mesh, token) == (401, 401)
    return token


def test_ten_rotations_fail_no_request(mesh: Faulty, forged: str) -> None:
    """Neither of who has a token, nor of who gets a new one with every request."""
    lasting, before = mesh.token(), envoys(mesh)
    browser = httpx.post(f"{mesh.mesh.edge}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    session = f"cookie: pillion-session={browser.cookies['pillion-session']}"
    renewed: list[int] = []
    kids = set()
    with (
        load_that_never_fails(mesh.edge, PATH, lambda: lasting, lambda: forged),
        ThreadPoolExecutor(1) as thread,
    ):
        for _ in range(10):
            rotated = thread.submit(mesh.do, "keys", "rotate")
            while wait([rotated], RENEWAL_SECONDS).not_done:
                answer = wire.ask(mesh.edge, f"GET {PATH} HTTP/1.1", "host: x", session)
                renewed.append(answer.status)
                token = SimpleCookie(answer.headers["set-cookie"])["pillion-token"].value
                header = token.partition(".")[0]
                kids.add(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])
                renewed.append(status(mesh.sidecar, token))
            assert "known everywhere" in rotated.result()
    assert set(renewed) == {200}
    assert len(kids) >= 10
    assert both(mesh, lasting) == (200, 200)
    assert envoys(mesh) == before


def test_a_caller_of_another_issuer_is_let_in(
    mesh: Faulty, sso: tuple[Forge, str], theirs: tuple[str, str]
) -> None:
    """By edge and sidecar; identity knows its own users alone."""
    good, bad = theirs
    assert both(mesh, bad) == (401, 401)
    for address in (mesh.edge, mesh.sidecar):
        told = wire_json(address, PATH, good)["headers"]
        assert isinstance(told, dict)
        assert told["x-pillion-user"] == f"sso:{SUB}"
    assert status(mesh.edge, good, "/me") == 401
    forge, _ = sso
    [trusted] = mesh.mesh.status()["trust"]
    assert (trusted["name"], trusted["keys"], trusted["error"]) == ("sso", [forge.kid], None)
    shown = mesh.mesh.pillion("status")
    assert "TRUSTED" in shown.stdout
    assert f"sso       {forge.kid[:8]}" in shown.stdout


def test_with_everything_killed_every_token_is_judged_as_before(
    mesh: Faulty, forged: str, theirs: tuple[str, str]
) -> None:
    """And an Envoy that starts meanwhile judges likewise; when control returns, nothing needs a restart."""
    good, bad = mesh.token(), revoked(mesh)
    edge, _ = envoys(mesh)
    with mesh.without_control_identity_and_database():
        with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: bad, lambda: forged) as load:
            until(lambda: len(load.good) > 500, "the load goes on")
        mesh.kill("echo", "sidecar")
        until(lambda: status(mesh.sidecar, good) == 200, "the sidecar starts from its files", 10)
        assert [status(mesh.sidecar, token) for token in (bad, forged, *theirs)] == [401, 401, 200, 401]
        with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: bad, lambda: forged):
            pass
    with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: bad, lambda: forged):
        until(mesh.connected, "everything is connected again", BACK_SECONDS)
    assert mesh.pid("edge", "edge") == edge
    until(
        lambda: mesh.mesh.workload("identity", "identity")["state"] == "ready",
        "identity is back",
        BACK_SECONDS,
    )
    assert both(mesh, bad) == (401, 401)
    another = revoked(mesh)
    assert both(mesh, good) == (200, 200)
    # What was acknowledged before control was killed binds those that start after it came back.
    mesh.kill("echo", "sidecar")
    until(lambda: status(mesh.sidecar, good) == 200, "the sidecar is back", 10)
    assert [status(mesh.sidecar, token) for token in (bad, another, forged)] == [401, 401, 401]


def test_a_control_that_dies_is_missed_by_nobody(mesh: Faulty, forged: str) -> None:
    """It is back before long, and tells what happened meanwhile."""
    good, doomed = mesh.token(), mesh.token()
    sid = mesh.sid(doomed)
    with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: forged):
        mesh.kill("control", "control")
        # Revoked while nobody is there to tell: it spreads when control is back.
        mesh.mesh.pillion("session", "revoke", "--session", sid)
        until(lambda: both(mesh, doomed) == (401, 401), "it has spread", BACK_SECONDS)
    until(mesh.connected, "everything is connected again", BACK_SECONDS)


def test_a_storm_of_revocations_hits_all_of_them_and_nobody_else(mesh: Faulty, forged: str) -> None:
    """Two hundred people sign out at once."""
    good = mesh.token()
    state = mesh.mesh.state
    command = [
        sys.executable,
        "-m",
        "tests.control.many_sessions",
        str(state / "identity.json"),
        EMAIL,
        "200",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as storm:
        assert storm.stdin is not None
        assert storm.stdout is not None
        tokens = json.loads(storm.stdout.readline())
        assert both(mesh, tokens[0]) == both(mesh, tokens[-1]) == (200, 200)
        with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: forged):
            storm.stdin.write("\n")
            storm.stdin.flush()
            last = int(storm.stdout.readline())
            until(
                lambda: mesh.connected() and mesh.mesh.workload("edge", "edge")["revocations"] == last,
                "every Envoy has acknowledged the last one",
            )
            assert {both(mesh, token) for token in tokens} == {(401, 401)}
    known = (state / "envoy" / REVOKED_FILE).read_text(encoding="utf-8")
    assert len(known.splitlines()) > 200


def test_what_an_envoy_refuses_is_shown_and_the_last_good_keys_stay(mesh: Faulty, forged: str) -> None:
    """A set of keys that are none, as no identity would write it."""
    good = mesh.token()
    database = mesh.mesh.state / "identity.sqlite3"
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as opened:
        keys = opened.execute(
            "SELECT kid, public_jwk FROM identity_signingkey WHERE state <> 'gone'"
        ).fetchall()
        with load_that_never_fails(mesh.edge, PATH, lambda: good, lambda: forged):
            _write_keys(
                opened, {kid: json.dumps({**json.loads(jwk), "n": "!", "e": "!"}) for kid, jwk in keys}
            )
            until(lambda: mesh.mesh.workload("echo", "sidecar")["refused"], "the refusal is shown")
            words = mesh.mesh.workload("echo", "sidecar")["refused"][VERIFICATION]
            assert "invalid local jwks" in words
            assert words[:40] in mesh.mesh.pillion("status").stdout
            assert "refuses version" in mesh.do("logs", "control")
            _write_keys(opened, dict(keys))
            until(lambda: not mesh.mesh.workload("echo", "sidecar")["refused"], "the refusal is over")
    assert both(mesh, mesh.token()) == (200, 200)


def _write_keys(database: sqlite3.Connection, keys: dict[str, str]) -> None:
    """Change all at once: of a set in which some keys are good, Envoy takes those, and leaves the others out."""
    database.execute("BEGIN IMMEDIATE")
    for kid, jwk in keys.items():
        database.execute("UPDATE identity_signingkey SET public_jwk = ? WHERE kid = ?", (jwk, kid))
    database.execute("COMMIT")


def test_one_envoy_that_hangs_is_named_and_holds_up_nobody_else(mesh: Faulty) -> None:
    """`session revoke` says which it is; when it goes on, it is told."""
    token = mesh.token()
    sidecar = psutil.Process(mesh.pid("echo", "sidecar"))
    sid = mesh.sid(token)
    sidecar.suspend()
    try:
        answer = mesh.mesh.pillion("session", "revoke", "--session", sid)
        assert answer.returncode == 1
        assert "sidecar echo: has not acknowledged" in answer.stderr
        assert status(mesh.edge, token) == 401
    finally:
        sidecar.resume()
    until(lambda: status(mesh.sidecar, token) == 401, "it is told")
    until(mesh.connected, "everything is as before")


def test_an_envoy_that_is_down_is_named(mesh: Faulty) -> None:
    """It is not connected, so that nobody can say what it holds; it starts with what is known."""
    token = mesh.token()
    sid = mesh.sid(token)
    mesh.kill("echo", "sidecar")
    answer = mesh.mesh.pillion("session", "revoke", "--session", sid)
    if answer.returncode:  # it may have been back by then
        assert "sidecar echo: is not connected" in answer.stderr
        assert "refused by those that are connected" in answer.stderr
    until(lambda: status(mesh.sidecar, token) == 401, "it is back")
    stays(lambda: status(mesh.sidecar, token) == 401, "and never lets it in", 1.0)
    until(mesh.connected, "everything is as before")
