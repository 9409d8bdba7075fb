"""The real server: `python -m pillion.identity`, on a Unix socket and on TCP."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.identity.databases import fresh

PASSWORD = "correct horse battery staple"
COMMAND = [sys.executable, "-m", "pillion.identity"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give an environment that names a configuration of its own."""
    file = tmp_path / "identity.json"
    written = {
        "mesh": "shop",
        "origin": "http://localhost:8080",
        "state": str(tmp_path / "state"),
        "database": fresh(),
    }
    file.write_text(json.dumps(written))
    return {**os.environ, "PILLION_IDENTITY_CONFIG": str(file)}


def prepare(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `prepare`."""
    return subprocess.run([*COMMAND, "prepare"], env=environ, check=False, capture_output=True, text=True)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def ask(
    path: Path, method: str, target: str, body: Any = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send one request. Who is refused while sending may find the connection closed, and reads the answer."""
    connection = UnixConnection(path)
    try:
        with suppress(BrokenPipeError):
            connection.request(
                method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def serving(
    environ: dict[str, str], *where: str, ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[str]]:
    """Run `serve` until the block ends; it is ready when the block begins."""
    with subprocess.Popen(
        [*COMMAND, "serve", *where], env=environ, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            until(lambda: server.poll() is not None or ready())
            yield server
        finally:
            server.kill()


def is_up(path: Path) -> bool:
    """Say whether the server on that socket is ready."""
    try:
        return ask(path, "GET", "/-/health")[0] == 200
    except OSError:
        return False


def cookies_of(headers: http.client.HTTPMessage) -> str:
    """Give the cookies as a browser sends them back."""
    return "; ".join(line.strip().partition(";")[0] for line in headers.get_all("Set-Cookie", []))


def session_in(cookies: str) -> str:
    """Find the session among cookies, as the edge does."""
    return dict(pair.split("=", 1) for pair in cookies.split("; "))["pillion-session"]


def test_preparing_prints_the_public_keys_and_is_idempotent(environ: dict[str, str], tmp_path: Path) -> None:
    """Also when two run at once; nothing that is made can be read by others."""
    both = [
        subprocess.Popen([*COMMAND, "prepare"], env=environ, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1] == prepare(environ).stdout
    (key,) = json.loads(printed[0])["keys"]
    assert key["alg"] == "RS256"
    for path in (tmp_path / "state", *(tmp_path / "state").rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_wrong_master_key_stops_the_preparation_with_a_sentence(environ: dict[str, str]) -> None:
    """Exit 1, one line, no trace."""
    assert prepare(environ).returncode == 0
    for key in ("eHg=", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="):
        failed = prepare({**environ, "PILLION_MASTER_KEY": key})
        assert failed.returncode == 1
        assert failed.stderr.count("\n") == 1
        assert "master key" in failed.stderr
        assert key not in failed.stderr


def test_without_a_configuration_there_is_a_sentence(environ: dict[str, str]) -> None:
    """Exit 2."""
    del environ["PILLION_IDENTITY_CONFIG"]
    failed = prepare(environ)
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)


def test_what_was_acknowledged_survives_a_kill(environ: dict[str, str], tmp_path: Path) -> None:
    """The user, the session, the revocation and the tries; and a socket left behind is in nobody's way."""
    prepare(environ)
    path = tmp_path / "id.sock"
    credentials = json.dumps({"email": "ada@example.org", "password": PASSWORD})
    with serving(environ, "--uds", str(path), ready=lambda: is_up(path)) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        status, headers, _ = ask(path, "POST", "/sign-up", credentials, content_type="application/json")
        assert status == 200
        kept = cookies_of(headers)
        _, headers, _ = ask(path, "POST", "/sign-in", credentials, content_type="application/json")
        left = cookies_of(headers)
        assert ask(path, "POST", "/sign-out", cookie=left)[0] == 204
        guess = credentials.replace(PASSWORD, "wrong wrong wrong")
        for _ in range(5):
            assert ask(path, "POST", "/sign-in", guess, content_type="application/json")[0] == 401
        server.kill()
        server.wait()
        until(lambda: not is_up(path))
    assert path.exists()
    with serving(environ, "--uds", str(path), ready=lambda: is_up(path)):
        assert ask(path, "GET", "/-/renewal/", x_pillion_session=session_in(kept))[1]["Authorization"]
        assert not ask(path, "GET", "/-/renewal/", x_pillion_session=session_in(left))[1]["Authorization"]
        assert ask(path, "POST", "/sign-in", credentials, content_type="application/json")[0] == 429


def test_the_workers_end_with_a_killed_server(environ: dict[str, str], tmp_path: Path) -> None:
    """None goes on answering with nobody above it."""
    prepare(environ)
    path = tmp_path / "id.sock"
    with serving(environ, "--uds", str(path), "--workers", "2", ready=lambda: is_up(path)) as server:
        server.kill()
        server.wait()
        until(lambda: not is_up(path))


def test_it_stops_when_told_to_and_logs_one_line_per_event(environ: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM: exit 0, soon, the socket removed."""
    prepare(environ)
    path = tmp_path / "id.sock"
    with serving(environ, "--uds", str(path), ready=lambda: is_up(path)) as server:
        ask(path, "GET", "/sign-in")
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
        assert server.stderr is not None
        lines = server.stderr.read().splitlines()
    assert not path.exists()
    assert lines
    assert all(line[:2] == "20" and line[10] == "T" for line in lines)
    assert not any("sign-in" in line for line in lines)


def test_a_body_in_chunks_is_read_and_bounded(environ: dict[str, str], tmp_path: Path) -> None:
    """Without Content-Length, as a proxy may send it."""
    prepare(environ)
    path = tmp_path / "id.sock"
    body = json.dumps({"email": "nobody@example.org", "password": "x"}).encode()
    with serving(environ, "--uds", str(path), ready=lambda: is_up(path)):
        status, _, _ = ask(
            path, "POST", "/sign-in", iter([body[:10], body[10:]]), content_type="application/json"
        )
        assert status == 401
        status, _, problem = ask(
            path, "POST", "/sign-in", iter([b"x" * 40_000] * 2), content_type="application/json"
        )
        assert (status, json.loads(problem)["type"]) == (413, "urn:pillion:problem:body-too-large")


def test_many_people_at_once_all_get_in(environ: dict[str, str], tmp_path: Path) -> None:
    """Writers wait for each other; two processes share one database, and one count of tries."""
    prepare(environ)
    path = tmp_path / "id.sock"

    def come_and_go(number: int) -> list[int]:
        credentials = json.dumps({"email": f"user{number}@example.org", "password": PASSWORD})
        named = {"content_type": "application/json", "x_forwarded_for": f"192.0.2.{number}"}
        joined, headers, _ = ask(path, "POST", "/sign-up", credentials, **named)
        session = session_in(cookies_of(headers))
        renewed = ask(path, "GET", "/-/renewal/", x_pillion_session=session)[1]["Authorization"]
        came = ask(path, "POST", "/sign-in", credentials, **named)[0]
        left = ask(path, "POST", "/sign-out", cookie=cookies_of(headers))[0]
        return [joined, came, left, 200 if renewed else 401]

    def guess(_: int) -> int:
        wrong = json.dumps({"email": "user1@example.org", "password": "wrong wrong"})
        return ask(path, "POST", "/sign-in", wrong, content_type="application/json")[0]

    with (
        serving(environ, "--uds", str(path), "--workers", "2", ready=lambda: is_up(path)),
        ThreadPoolExecutor(8) as people,
    ):
        assert list(people.map(come_and_go, range(1, 25))) == [[200, 200, 204, 200]] * 24
        assert sorted(people.map(guess, range(12))) == [401] * 5 + [429] * 7


def test_it_listens_on_tcp_too(environ: dict[str, str]) -> None:
    """For a system of several machines."""
    prepare(environ)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def ready() -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/health")
            answer = connection.getresponse()
            answer.read()
            connection.close()
        except OSError:
            return False
        return answer.status == 200

    with serving(environ, "--bind", f"127.0.0.1:{port}", ready=ready) as server:
        assert server.poll() is None
