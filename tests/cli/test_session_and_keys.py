"""`pillion session` and `pillion keys`, on a mesh that runs, on one whose control is away, and on none."""

import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests import mesh
from tests.cli.echo_mesh import ECHO, topology, write
from tests.local.waiting import until
from tests.mesh import Mesh

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
ALL = r"(refused|known|gone) everywhere in \d+ ms \(2 of 2\)"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh of one service, with one account."""
    folder = tmp_path_factory.mktemp("mesh")
    closed = topology().replace("rules: [{path: /, allow: anyone}]", "rules: []")
    with mesh.running(folder, closed, {"echo.py": ECHO}) as started:
        added = started.pillion("user", "add", EMAIL, "--password-stdin", given=PASSWORD)
        assert added.returncode == 0, added.stderr
        yield started


def token(running: Mesh) -> str:
    """Give a token with a session of its own."""
    printed = running.pillion("token", "--user", EMAIL, "--lifetime", "1h")
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def status(running: Mesh, bearer: str) -> int:
    """Say how the service answers the bearer of a token."""
    return httpx.get(f"{running.edge}/x", headers={"authorization": f"Bearer {bearer}"}).status_code


def signing(running: Mesh) -> str:
    """Name the key that signs."""
    listed = json.loads(running.pillion("keys", "list", "--json").stdout)
    [kid] = [key["kid"] for key in listed if key["state"] == "signing"]
    return str(kid)


def test_sessions_are_listed_and_revoked_one_by_one(running: Mesh) -> None:
    first, second = token(running), token(running)
    listed = json.loads(running.pillion("session", "list", "--user", EMAIL, "--json").stdout)
    assert {session["email"] for session in listed} == {EMAIL}
    latest = listed[0]["sid"]
    assert latest in running.pillion("session", "list").stdout
    revoked = running.pillion("session", "revoke", "--session", latest)
    assert (revoked.returncode, revoked.stderr) == (0, "")
    assert re.fullmatch(rf"revoked 1 session\n{ALL}\n", revoked.stdout)
    assert (status(running, first), status(running, second)) == (200, 401)
    again = running.pillion("session", "revoke", "--session", latest)
    assert (again.returncode, again.stderr) == (0, "")
    assert re.fullmatch(rf"it was revoked before\n{ALL}\n", again.stdout)
    unknown = running.pillion("session", "revoke", "--session", "7d444840-9dc0-11d1-b245-5ffdce74fad2")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "Error: no session has the id 7d444840-9dc0-11d1-b245-5ffdce74fad2\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "say what to revoke"),
        (("--session", "x", "--user", EMAIL), "say what to revoke"),
        (("--session", "x"), "'x' is no id of a session"),
    ],
)
def test_what_to_revoke_has_to_be_said(running: Mesh, words: tuple[str, ...], why: str) -> None:
    answer = running.pillion("session", "revoke", *words)
    assert answer.returncode == 2
    assert why in answer.stderr


def test_a_rotation_lets_every_token_live(running: Mesh) -> None:
    before, old = token(running), signing(running)
    rotated = running.pillion("keys", "rotate")
    assert (rotated.returncode, rotated.stderr) == (0, "")
    assert re.search(rf"\n{ALL}\n$", rotated.stdout)
    new = signing(running)
    assert new != old
    assert rotated.stdout.startswith(f"{new} signs from now on; {old} is believed until")
    after = token(running)
    assert (status(running, before), status(running, after)) == (200, 200)
    published = httpx.get(f"{running.edge}/.well-known/jwks.json").json()["keys"]
    assert {old, new} <= {key["kid"] for key in published}
    for name, kind in (("edge", "edge"), ("echo", "sidecar")):
        assert running.workload(name, kind)["keys"] == [key["kid"] for key in published]


def test_a_revoked_key_ends_its_tokens_and_no_session(running: Mesh) -> None:
    """A browser goes on with its session, and is not asked to sign in."""
    bearer, kid = token(running), signing(running)
    with httpx.Client(base_url=running.edge) as browser:
        signed_in = browser.post("/sign-in", json={"email": EMAIL, "password": PASSWORD})
        assert signed_in.status_code == 200
        cookie = browser.cookies["pillion-token"]
        revoked = running.pillion("keys", "revoke", kid)
        assert (revoked.returncode, revoked.stderr) == (0, "")
        first, second, third = revoked.stdout.splitlines()
        assert first == f"revoked {kid}: no token that it signed is good any more"
        assert second == f"{signing(running)} signs from now on; sessions go on, with new tokens"
        assert re.fullmatch(ALL, third)
        assert status(running, bearer) == 401
        assert browser.get("/x").status_code == 200
        assert browser.cookies["pillion-token"] != cookie
    assert kid not in {
        key["kid"] for key in httpx.get(f"{running.edge}/.well-known/jwks.json").json()["keys"]
    }


def test_an_unknown_key_cannot_be_revoked(running: Mesh) -> None:
    answer = running.pillion("keys", "revoke", "nonsense")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "no key in use is named 'nonsense': there are" in answer.stderr


def test_while_control_hangs_it_is_said_that_nobody_could_be_told(running: Mesh) -> None:
    """What was asked for is done all the same where it can be, and spreads when control is back."""
    bearer, kid = token(running), signing(running)
    pid = running.workload("control", "control")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: not running.workload("edge", "edge")["connected"], "control counts as silent")
        with ThreadPoolExecutor(1) as meanwhile:
            rotating = meanwhile.submit(running.pillion, "keys", "rotate", timeout=60)
            revoked = running.pillion("session", "revoke", "--user", EMAIL)
            assert revoked.returncode == 1
            assert "control is not heard of: no Envoy can be told until it is back" in revoked.stderr
            again = running.pillion("session", "revoke", "--user", EMAIL)
            assert (again.returncode, again.stdout) == (1, f"{EMAIL} was not signed in\n")
            assert again.stderr == revoked.stderr
            assert status(running, bearer) == 200
            rotated = rotating.result()
        assert (rotated.returncode, rotated.stdout) == (1, "")
        assert f"{kid} goes on signing" in rotated.stderr
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: status(running, bearer) == 401, "control is back, and tells them")
    until(lambda: running.workload("edge", "edge")["connected"], "control reports again")
    assert running.pillion("keys", "rotate").returncode == 0


def test_where_nothing_runs_it_is_done_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    assert mesh.pillion(file, "user", "add", EMAIL, "--password-stdin", given=PASSWORD).returncode == 0
    assert mesh.pillion(file, "session", "list").stdout == "nobody is signed in\n"
    assert mesh.pillion(file, "token", "--user", EMAIL).returncode == 0
    revoked = mesh.pillion(file, "session", "revoke", "--user", EMAIL)
    told = "nothing runs that would have to be told\n"
    assert (revoked.returncode, revoked.stdout) == (0, f"revoked 1 session\n{told}")
    rotated = mesh.pillion(file, "keys", "rotate")
    assert rotated.returncode == 0
    assert rotated.stdout.endswith(told)
    assert re.findall(r"RS256  (\w+)", mesh.pillion(file, "keys", "list").stdout) == ["retired", "signing"]
