"""The example of docs/users-service.md, asked by the real server."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.identity.browser import PASSWORD
from tests.identity.test_server import ask, is_up, prepare, until
from tests.identity.test_server import serving as identity_serving
from tests.identity.users_site import SECRET, site

__all__ = ["site"]
WRONG = "wrong wrong wrong"
EXAMPLE = Path(__file__).parents[2] / "examples" / "users-service" / "users.py"


@contextmanager
def example() -> Iterator[str]:
    """Run examples/users-service; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "USERS_SECRET": SECRET}
    with subprocess.Popen([sys.executable, str(EXAMPLE)], env=environ, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: process.poll() is not None or _listens(port))
            yield f"http://127.0.0.1:{port}/check"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_the_example_of_the_docs_and_the_real_server_understand_each_other(tmp_path: Path) -> None:
    """Granian, its workers, and the service of docs/users-service.md; a secret of somebody else's is refused."""
    file, uds = tmp_path / "identity.json", tmp_path / "identity.sock"
    environ = {**os.environ, "PILLION_IDENTITY_CONFIG": str(file)}
    ada = {"email": "ada@example.org", "password": PASSWORD}

    def signed_in_with(secret: str) -> list[int]:
        users = {"url": url, "secret": secret}
        file.write_text(
            json.dumps(
                {
                    "mesh": "shop",
                    "origin": "http://localhost:8080",
                    "state": str(tmp_path / "state"),
                    "users": users,
                }
            )
        )
        prepare(environ)
        headers = {
            "Content_Type": "application/json",
            "Origin": "http://localhost:8080",
            "Host": "localhost:8080",
        }
        with identity_serving(environ, "--uds", str(uds), ready=lambda: is_up(uds)):
            return [
                ask(uds, "POST", "/sign-in", json.dumps(ada | {"password": password}), **headers)[0]
                for password in (PASSWORD, WRONG)
            ]

    with example() as url:
        assert signed_in_with(SECRET) == [200, 401]
        assert signed_in_with("z" * 32) == [503, 503]


def test_the_page_shows_the_example_as_it_is() -> None:
    """docs/users-service.md."""
    page = (EXAMPLE.parents[2] / "docs" / "users-service.md").read_text(encoding="utf-8")
    assert EXAMPLE.read_text(encoding="utf-8").strip() in page
