"""`pillion init`, as a user sees it, and the service that it writes."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.in_process import pillion

from pillion.topology import load

WROTE = """\
Wrote shop/pillion.yaml, shop/hello.py and shop/.gitignore.

Next:
  cd shop
  pillion up       # then open http://localhost:8080 and sign up
  pillion check    # after each change of pillion.yaml
"""
HELP = """\
Usage: pillion init [OPTIONS] [DIR]

  Write a commented pillion.yaml and a tiny service to start from, into DIR or
  this folder.

  Overwrites nothing: if one of the files is there already, nothing is
  written.

  Example:
      pillion init shop && cd shop
      pillion up

Options:
  -h, --help  Show this message and exit.
"""


pytestmark = pytest.mark.usefixtures("own_folder")


def test_init_writes_a_topology_that_is_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "init", "shop") == 0
    assert capsys.readouterr().out == WROTE
    assert load(Path("shop/pillion.yaml"), {}).mesh == "shop"
    assert ".pillion/" in Path("shop/.gitignore").read_text(encoding="utf-8").splitlines()
    assert pillion(monkeypatch, "check", "-f", "shop/pillion.yaml") == 0


def test_init_into_this_folder_tells_nobody_to_go_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "init") == 0
    assert "cd " not in capsys.readouterr().out


def test_what_the_template_shows_in_comments_is_good_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the comment signs off every line that shows more of the topology."""
    assert pillion(monkeypatch, "init", "shop") == 0
    text = Path("shop/pillion.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"^( +)# ?", r"\1", text, flags=re.MULTILINE).replace(
        "database: sqlite", "database: 'sqlite'"
    )
    assert shown.count("\n") == text.count("\n")
    Path("shop/tls.crt").touch()
    Path("shop/tls.key").touch()
    Path("shop/pillion.yaml").write_text(
        shown.replace("http://localhost:8080", "https://localhost:8080"), "utf-8"
    )
    topology = load(Path("shop/pillion.yaml"), {"SMTP_PASSWORD": "p/a@s:s", "GOOGLE_SECRET": "x"})
    assert topology.edge.tls is not None
    assert topology.identity.mail is not None
    assert topology.identity.mail.smtp.password.get_secret_value() == "p/a@s:s"
    assert [*topology.identity.providers] == ["google"]
    assert topology.services["orders"].calls == ("hello",)
    assert topology.services["hello"].rules[1].roles == ("manager",)


@pytest.mark.parametrize("name", ["My Shop", "8", "größe", "a_b"])
def test_a_folder_whose_name_is_no_name_for_a_mesh_gets_another(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pillion(monkeypatch, "init", name) == 0
    assert load(Path(name, "pillion.yaml"), {}).mesh == "hello"


@pytest.mark.parametrize("there", ["pillion.yaml", "hello.py"])
def test_init_overwrites_nothing(
    there: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shop").mkdir()
    Path("shop", there).write_text("mine", encoding="utf-8")
    assert pillion(monkeypatch, "init", "shop") == 1
    assert capsys.readouterr().err == f"Error: shop/{there} is there already; nothing was written\n"
    assert [path.name for path in Path("shop").iterdir()] == [there]
    assert Path("shop", there).read_text(encoding="utf-8") == "mine"


def test_a_second_init_names_all_that_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "init") == 0
    capsys.readouterr()
    assert pillion(monkeypatch, "init") == 1
    assert (
        capsys.readouterr().err == "Error: pillion.yaml and hello.py are there already; nothing was written\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.pyc\n", "*.pyc\n# Keys, accounts and logs of this machine.\n.pillion/\n"),
        ("*.pyc", "*.pyc\n# Keys, accounts and logs of this machine.\n.pillion/\n"),
        ("", "# Keys, accounts and logs of this machine.\n.pillion/\n"),
        ("/.pillion/\n", "/.pillion/\n"),
        (".pillion\n*.pyc", ".pillion\n*.pyc"),
    ],
)
def test_what_gitignore_holds_is_kept(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".gitignore").write_text(before, encoding="utf-8")
    assert pillion(monkeypatch, "init") == 0
    assert Path(".gitignore").read_text(encoding="utf-8") == after


def test_a_file_in_the_place_of_the_folder_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shop").touch()
    assert pillion(monkeypatch, "init", "shop") == 1
    assert capsys.readouterr().err.startswith("Error: cannot write shop")


def test_a_failure_half_way_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shop/.gitignore").mkdir(parents=True)
    assert pillion(monkeypatch, "init", "shop") == 1
    assert capsys.readouterr().err == "Error: cannot write shop/.gitignore: is a directory\n"
    assert [path.name for path in Path("shop").iterdir()] == [".gitignore"]


def test_the_help_of_init(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert pillion(monkeypatch, "init", "--help") == 0
    assert capsys.readouterr().out == HELP


@contextmanager
def _running(program: Path, port: int) -> Iterator[http.client.HTTPConnection]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", program], env=os.environ | {"PORT": str(port)}, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "the service ended by itself"
                assert time.monotonic() < deadline, "the service does not listen"
        yield connection
        connection.close()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_the_service_that_init_writes_greets_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pillion(monkeypatch, "init") == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _running(Path("hello.py"), port) as connection:
        connection.request(
            "GET", "/", headers={"x-pillion-user": "0b7c", "x-pillion-email": "ada@example.com"}
        )
        answer = connection.getresponse()
        assert answer.version == 11
        assert answer.read() == b"Hello, ada@example.com! You are user 0b7c.\n"
        assert connection.sock is not None, "the connection is kept open"
        connection.request("GET", "/welcome")
        assert connection.getresponse().read() == b"Hello, stranger!\n"
