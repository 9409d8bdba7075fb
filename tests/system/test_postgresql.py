"""`pillion up` on a real PostgreSQL: every command, an edit, and the database killed while everything runs."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests import mesh, postgres
from tests.cli.echo_mesh import ECHO, running_in, topology
from tests.local.waiting import until
from tests.mesh import Mesh
from tests.postgres import PASSWORD as DATABASE_PASSWORD
from tests.postgres import Postgres

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """Give a server that syncs to the disk, as it does out of the box."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def running(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh of one service, with one account. Its file takes the password from the environment."""
    written = topology().replace("rules: [{path: /, allow: anyone}]", "rules: []")
    url = database.url.replace("a%20password%20with%20%2F%20and%20%40", "${DB_PASSWORD}")
    environ = {"DB_PASSWORD": "a%20password%20with%20%2F%20and%20%40"}
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in environ.items():
            patch.setenv(name, value)
        started = stack.enter_context(
            mesh.running(
                tmp_path_factory.mktemp("mesh"),
                f"{written}identity: {{database: '{url}'}}\n",
                {"echo.py": ECHO},
            )
        )
        do(started, "user", "add", EMAIL, "--password-stdin", given=PASSWORD)
        yield started


def do(running: Mesh, *words: str, given: str = "") -> str:
    """Run a command, which must succeed; gives what it printed."""
    done = running.pillion(*words, given=given)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def sign_in(running: Mesh) -> dict[str, str]:
    """Sign in; gives the cookies."""
    answer = httpx.post(f"{running.edge}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return dict(answer.cookies)


def get(running: Mesh, cookies: Mapping[str, str], *, renew: bool = False) -> httpx.Response:
    """Ask the service; with `renew` as a browser whose token has expired."""
    sent = {name: value for name, value in cookies.items() if not renew or name == "pillion-session"}
    line = "; ".join(f"{name}={value}" for name, value in sent.items())
    return httpx.get(f"{running.edge}/x", headers={"cookie": line})


def test_every_command_works_on_it(running: Mesh, database: Postgres) -> None:
    cookies = sign_in(running)
    assert get(running, cookies).status_code == 200
    token = do(running, "token", "--user", EMAIL).strip()
    listed = json.loads(do(running, "session", "list", "--json"))
    assert len(listed) == 2
    revoked = do(running, "session", "revoke", "--user", EMAIL)
    assert re.search(r"refused everywhere in \d+ ms \(2 of 2\)", revoked)
    bearer = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{running.edge}/x", headers=bearer).status_code == 401
    assert get(running, cookies).status_code == 401
    assert "known everywhere" in do(running, "keys", "rotate")
    status = running.status()
    assert status["ready"]
    told = {w["name"]: (len(w["keys"]), w["revocations"]) for w in status["workloads"] if w["revocations"]}
    assert told == {"edge": (2, 2), "echo": (2, 2)}
    assert len(running.workload("identity", "identity")["keys"]) == 2
    assert database.ask("SELECT count(*) FROM identity_user") == [(1,)]
    assert not (running.state / "identity.sqlite3").exists()


def test_the_password_is_in_no_log_argument_or_error(running: Mesh) -> None:
    secrets = (DATABASE_PASSWORD, "a%20password")
    said = [path.read_text(errors="replace") for path in (running.state / "logs").iterdir()]
    arguments = [" ".join(process.cmdline()) for process in running_in(running.file.parent)]
    assert arguments
    assert not [text for text in (*said, *arguments) for secret in secrets if secret in text]
    for path in (running.state / "identity.json", running.state / "control.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_an_edit_is_taken_up(running: Mesh) -> None:
    before = running.status()["edit"]
    text = running.file.read_text()
    running.file.write_text(text.replace("rules: []", "rules: [{path: /free, allow: anyone}]"))
    until(lambda: running.status()["edit"] != before, "the edit is taken up")
    assert running.status()["edit"]["taken_up"]
    assert httpx.get(f"{running.edge}/free").status_code == 200


def test_a_killed_database_costs_renewals_only_and_only_for_as_long(
    running: Mesh, database: Postgres
) -> None:
    """Valid tokens go on; nobody is signed out; no process is restarted; what was acknowledged is there."""
    cookies = sign_in(running)
    assert get(running, cookies, renew=True).status_code == 200
    pids = [w["pid"] for w in running.status()["workloads"]]
    database.kill()
    try:
        answers = [get(running, cookies, renew=True) for _ in range(4)]
        assert {(answer.status_code, "retry-after" in answer.headers) for answer in answers} == {(503, True)}
        assert get(running, cookies).status_code == 200
        again = httpx.post(f"{running.edge}/sign-in", json={"email": EMAIL, "password": PASSWORD})
        assert (again.status_code, "retry-after" in again.headers) == (503, True)
        said = running.pillion("user", "list")
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (1, "", 1)
        assert said.stderr.startswith("Error: the database cannot be used: ")
        assert running.pillion("status").returncode == 0
    finally:
        database.start()
    until(
        lambda: get(running, cookies, renew=True).status_code == 200, "a session is renewed again", seconds=5
    )
    assert [get(running, cookies, renew=True).status_code for _ in range(20)] == [200] * 20
    assert [w["pid"] for w in running.status()["workloads"]] == pids
    until(running_again(running), "control is heard of")
    assert "refused everywhere" in do(running, "session", "revoke", "--user", EMAIL)
    assert get(running, cookies, renew=True).status_code == 401


def running_again(running: Mesh) -> Callable[[], bool]:
    """Give the condition that the mesh is ready and every Envoy connected, as control has noted it."""
    return lambda: (
        running.status()["ready"]
        and all(w["connected"] for w in running.status()["workloads"] if w["kind"] in {"edge", "sidecar"})
    )


def test_a_database_that_is_not_there_is_a_sentence_at_the_start(tmp_path: Path) -> None:
    [port] = mesh.free_ports(1)
    file = tmp_path / "pillion.yaml"
    (tmp_path / "echo.py").write_text(ECHO)
    file.write_text(f"{topology()}identity: {{database: 'postgresql://me:hunter2@127.0.0.1:{port}/x'}}\n")
    failed = mesh.pillion(file, "up", "--detach", timeout=mesh.START_SECONDS)
    assert failed.returncode == 1
    assert "the database cannot be used: " in failed.stderr
    assert "Connection refused" in failed.stderr
    assert "hunter2" not in failed.stdout + failed.stderr
    assert running_in(tmp_path) == []
