"""Several identity processes on one database: they share limits, sessions, keys; and what survives which kill."""

import json
import os
import signal
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from tests import postgres
from tests.identity.databases import fresh, only_on_postgresql
from tests.identity.test_server import PASSWORD, ask, cookies_of, is_up, prepare, serving, session_in, until
from tests.postgres import Postgres

ENOUGH = 12  # acknowledged ones of each kind, before the kill
ROTATE = """
from pillion.identity import config, setup
setup(config.required())
from pillion.identity import key_care
print(key_care.rotate().new)
"""


def configured(folder: Path, database: str) -> dict[str, str]:
    """Give the environment of identities on that database, which is made ready."""
    written = {
        "mesh": "shop",
        "origin": "http://localhost:8080",
        "state": str(folder / "state"),
        "database": database,
    }
    (folder / "identity.json").write_text(json.dumps(written))
    environ = {**os.environ, "PILLION_IDENTITY_CONFIG": str(folder / "identity.json")}
    prepared = prepare(environ)
    assert prepared.returncode == 0, prepared.stderr
    return environ


@contextmanager
def identities(
    folder: Path, environ: dict[str, str], count: int
) -> "Iterator[list[tuple[Path, subprocess.Popen[str]]]]":
    """Run so many, each on a socket of its own."""
    with ExitStack() as stack:
        paths = [folder / f"{number}.sock" for number in range(count)]
        yield [
            (path, stack.enter_context(serving(environ, "--uds", str(path), ready=lambda p=path: is_up(p))))  # type: ignore[misc]
            for path in paths
        ]


def sign_in(path: Path, email: str, password: str = PASSWORD, kind: str = "sign-in") -> tuple[int, str]:
    """Sign in, or up; gives the status and the cookies."""
    body = json.dumps({"email": email, "password": password})
    address = f"192.0.2.{sum(email.encode()) % 250}"
    status, headers, _ = ask(
        path, "POST", f"/{kind}", body, content_type="application/json", x_forwarded_for=address
    )
    return status, cookies_of(headers)


def renewed(path: Path, cookies: str) -> str:
    """Renew a session; gives the token, or nothing."""
    status, headers, _ = ask(path, "GET", "/-/renewal/", x_pillion_session=session_in(cookies))
    assert status == 200
    return str(headers["Authorization"] or "").removeprefix("Bearer ")


def kid(token: str) -> str:
    """Say which key signed a token."""
    return str(json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"])


def test_two_processes_share_everything(tmp_path: Path) -> None:
    """Sessions, which either renews and ends; five guesses, wherever they are made; the key that signs."""
    environ = configured(tmp_path, fresh())
    with identities(tmp_path, environ, 2) as [(one, _), (other, _)]:
        assert sign_in(one, "ada@example.org", kind="sign-up")[0] == 200
        _, cookies = sign_in(other, "ada@example.org")
        assert renewed(one, cookies)
        with ThreadPoolExecutor(6) as guessers:
            guesses = [
                guessers.submit(sign_in, (one, other)[number % 2], "ada@example.org", "wrong wrong wrong")
                for number in range(12)
            ]
        assert sorted(guess.result()[0] for guess in guesses) == [401] * 5 + [429] * 7
        rotated = subprocess.run(
            [sys.executable, "-c", ROTATE], env=environ, check=True, capture_output=True, text=True
        )
        kids = {kid(renewed(path, cookies)) for path in (one, other)}
        assert kids == {rotated.stdout.strip()}
        assert ask(one, "POST", "/sign-out", cookie=cookies)[0] == 204
        assert not renewed(other, cookies)


@dataclass
class Acknowledged:
    """What a crowd was told to be done: the cookies of those who joined, and of those who left."""

    joined: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def come_and_go(self, path: Path, over: Event, number: int) -> None:
        """Sign up, and every second one out again, until it is over, or nobody answers."""
        turn = 0
        while not over.is_set():
            email, turn = f"u{number}-{turn}@example.org", turn + 1
            try:
                status, cookies = sign_in(path, email, kind="sign-up")
                if status != 200:
                    continue
                self.joined[email] = cookies
                if turn % 2 and ask(path, "POST", "/sign-out", cookie=cookies)[0] == 204:
                    self.left[email] = cookies
            except (OSError, ValueError):
                continue

    def is_enough(self) -> bool:
        """Whether a loss would be seen."""
        return len(self.joined) >= 2 * ENOUGH and len(self.left) >= ENOUGH

    def are_there(self, path: Path) -> None:
        """See that all of it holds."""
        ended = {email for email, cookies in self.joined.items() if not renewed(path, cookies)}
        # A sign-out that was done and not acknowledged is done all the same.
        assert self.left.keys() <= ended
        assert len(ended - self.left.keys()) <= 4
        assert len(self.joined) - len(ended) >= ENOUGH // 2


def killed_under_load(path: Path, kill: Callable[[], None]) -> Acknowledged:
    """Have four people come and go, kill in the middle of it, and give what had been acknowledged."""
    acknowledged, over = Acknowledged(), Event()
    with ThreadPoolExecutor(4) as crowd:
        for number in range(4):
            crowd.submit(acknowledged.come_and_go, path, over, number)
        try:
            until(acknowledged.is_enough, seconds=30)
            kill()
        finally:
            over.set()
    return acknowledged


def test_whatever_was_acknowledged_before_identity_was_killed_is_there(tmp_path: Path) -> None:
    """Every account, session and sign-out, of many at once."""
    environ = configured(tmp_path, fresh())
    with identities(tmp_path, environ, 1) as [(path, server)]:

        def kill() -> None:
            server.kill()
            until(lambda: not is_up(path))

        acknowledged = killed_under_load(path, kill)
    with identities(tmp_path, environ, 1) as [(path, _)]:
        acknowledged.are_there(path)


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """Give a PostgreSQL that this test may kill, as durable as it is out of the box."""
    with postgres.running() as server:
        yield server


@only_on_postgresql
def test_whatever_was_acknowledged_before_postgresql_was_killed_is_there(
    tmp_path: Path, own_server: Postgres
) -> None:
    """The same identity process goes on; meanwhile it says 503, and nothing that is not so."""
    environ = configured(tmp_path, own_server.url)
    with identities(tmp_path, environ, 1) as [(path, server)]:
        acknowledged = killed_under_load(path, own_server.kill)
        _, cookies = next(iter(acknowledged.joined.items()))
        for target, headers in (
            ("/-/renewal/", {"x_pillion_session": session_in(cookies)}),
            ("/account/", {"cookie": cookies}),
        ):
            status, answered, _ = ask(path, "GET", target, **headers)
            assert (status, answered["Retry-After"]) == (503, "1")
        assert not is_up(path)
        own_server.start()
        until(lambda: is_up(path), seconds=5)
        acknowledged.are_there(path)
        assert sign_in(path, "late@example.org", kind="sign-up")[0] == 200
        ((revocations,),) = own_server.ask("SELECT count(*) FROM identity_revocation")
        assert revocations >= len(acknowledged.left)
        ((connections,),) = own_server.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pillion identity'"
        )
        assert connections <= 16
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
        assert server.stderr is not None
        said = server.stderr.read()
    assert postgres.PASSWORD not in said
    assert "Traceback" not in said


@only_on_postgresql
def test_a_database_that_cannot_be_used_is_one_sentence(tmp_path: Path, own_server: Postgres) -> None:
    """Which one, and why; never the password."""
    url = own_server.url
    for broken, why in (
        (f"{url}x", 'database "pillionx" does not exist'),
        (url.replace("a%20password", "hunter2"), "password authentication failed"),
        (f"{url}?sslmode=require", "server does not support SSL"),
    ):
        (tmp_path / "state").mkdir(exist_ok=True)
        written = {
            "mesh": "shop",
            "origin": "http://localhost",
            "state": str(tmp_path / "state"),
            "database": broken,
        }
        (tmp_path / "identity.json").write_text(json.dumps(written))
        failed = prepare({**os.environ, "PILLION_IDENTITY_CONFIG": str(tmp_path / "identity.json")})
        assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
        assert failed.stderr.startswith("identity: the database cannot be used: ")
        assert why in failed.stderr
        assert "hunter2" not in failed.stderr
        assert postgres.PASSWORD not in failed.stderr
