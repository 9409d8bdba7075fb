"""The example shop as a running mesh, on ports of its own, with a manager and a buyer in it."""

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx

from tests import mesh

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"
MANAGER = "ada@example.com"
BUYER = "grace@example.com"
PASSWORD = "a long enough passphrase"
PATIENCE_SECONDS = 20.0
PORTS = ("8080", "7000", "7001", "7002", "7003")


@dataclass(frozen=True)
class Shop:
    """The running shop."""

    mesh: mesh.Mesh

    @property
    def edge(self) -> str:
        """The origin."""
        return self.mesh.edge

    @contextmanager
    def signed_in(self, email: str) -> Iterator[httpx.Client]:
        """Give a client that has signed in as a browser would."""
        with httpx.Client(base_url=self.edge, headers={"origin": self.edge}) as client:
            answer = client.post("/sign-in", json={"email": email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client

    def token(self, email: str, *words: str) -> str:
        """Give a token from the command line."""
        printed = mesh.pillion(self.mesh.file, "token", "--user", email, *words)
        assert printed.returncode == 0, printed.stderr
        return printed.stdout.strip()

    def rows(self, service: str, query: str) -> list[tuple[object, ...]]:
        """Read a service's own database."""
        with closing(sqlite3.connect(self.mesh.file.parent / "data" / f"{service}.sqlite3")) as database:
            return database.execute(query).fetchall()


def copy(folder: Path) -> str:
    """Copy the example to `folder`, which is made; gives its topology, on free ports."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".pillion", "data", "__pycache__"))
    ports = dict(zip(PORTS, map(str, mesh.free_ports(len(PORTS))), strict=True))
    return re.sub(
        r"\b(8080|700[0-3])\b", lambda found: ports[found[0]], (EXAMPLE / "pillion.yaml").read_text()
    )


def link_to(started: mesh.Mesh, email: str, page: str) -> str:
    """Wait for a mail to an address with a link to a page below /account, and give the latest such link."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for path in sorted((started.state / "mail").glob("*.eml"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found = re.search(rf"http\S+/account/{page}\?key=\S+", mail.get_content())
            if mail["To"] == email and found:
                return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no mail to {email} with a link to {page}")


@contextmanager
def running(folder: Path) -> Iterator[Shop]:
    """Run a copy of the example in `folder` until the block ends."""
    with mesh.running(folder, copy(folder)) as started:
        for email, roles in ((MANAGER, ["--role", "manager"]), (BUYER, [])):
            add_user(started, email, *roles)
        yield Shop(started)


def add_user(started: mesh.Mesh, email: str, *words: str) -> None:
    """Make an account from the command line."""
    added = started.pillion("user", "add", email, "--password-stdin", *words, given=PASSWORD)
    assert added.returncode == 0, added.stderr
