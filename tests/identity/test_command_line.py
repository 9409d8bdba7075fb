"""`pillion user` and `pillion token`, as an operator runs them."""

import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.identity.databases import fresh

PASSWORD = "correct horse battery staple"
TOPOLOGY = "mesh: shop\nservices:\n  a: {app: 127.0.0.1:7999, paths: [/a]}\n"
# What the script `pillion` does; the interpreter that runs the tests has it.
PILLION = [sys.executable, "-c", "from pillion.cli import main; main()"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a topology in it."""
    (tmp_path / "pillion.yaml").write_text(f"{TOPOLOGY}identity: {{database: '{fresh()}'}}\n")
    return tmp_path


def pillion(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    return subprocess.run(
        [*PILLION, *arguments], cwd=folder, input=typed, capture_output=True, text=True, check=False
    )


def done(folder: Path, *arguments: str, typed: str = "") -> str:
    """Run the command, which succeeds; gives what it prints."""
    result = pillion(folder, *arguments, typed=typed)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_an_operator_manages_accounts(folder: Path) -> None:
    """From nothing: no server runs, no state is there."""
    assert "no accounts yet" in done(folder, "user", "list")
    added = done(
        folder,
        "user",
        "add",
        "Ada@example.org",
        "--password-stdin",
        "--role",
        "manager",
        typed=PASSWORD + "\n",
    )
    assert added.startswith("added ada@example.org (")
    (account,) = json.loads(done(folder, "user", "list", "--json"))
    assert (account["email"], account["roles"], account["active"]) == ("ada@example.org", ["manager"], True)
    done(folder, "user", "roles", "ada@example.org", "buyer", "auditor")
    done(folder, "user", "disable", "ada@example.org")
    assert done(folder, "user", "list") == "ada@example.org  disabled  verified    -  auditor buyer\n"
    done(folder, "user", "delete", "ada@example.org", "--yes")
    assert json.loads(done(folder, "user", "list", "--json")) == []


def test_a_token_is_printed_alone(folder: Path) -> None:
    """For `curl -H "Authorization: Bearer $(pillion token …)"`."""
    done(folder, "user", "add", "ada@example.org", "--password-stdin", typed=PASSWORD)
    printed = done(folder, "token", "--user", "ada@example.org", "--lifetime", "2m")
    assert printed.count("\n") == 1
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(printed.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 120
    assert (claims["client_id"], claims["iss"]) == ("pillion-cli", "http://localhost:8080")


def test_a_master_key_that_is_lost_is_no_end(folder: Path) -> None:
    """All else waits until an operator has said that it is lost; then there is one key, and a record of it."""
    (before,) = json.loads(done(folder, "keys", "list", "--json"))
    assert "nothing is to be replaced" in done(folder, "keys", "replace")
    (folder / ".pillion" / "secrets" / "master.key").unlink()
    asked = pillion(folder, "keys", "replace", typed="n\n")
    assert (asked.returncode, asked.stdout) == (130, "")
    assert f"The key {before['kid']} was encrypted under another master key" in asked.stderr
    said = done(folder, "keys", "replace", "--yes")
    gone, new = json.loads(done(folder, "keys", "list", "--json"))
    assert (gone["kid"], gone["state"], new["state"]) == (before["kid"], "gone", "signing")
    assert before["kid"] in said
    assert new["kid"] in said
    line = json.loads(done(folder, "changes", "--what", "key.replaced", "--json"))
    assert (line["whom"], line["details"]) == (before["kid"], {"by": new["kid"]})
    assert line["actor"].startswith("command line: ")


def test_a_client_is_changed(folder: Path) -> None:
    """What is not named stays; '' stands for none; what cannot be is a sentence."""
    bye = "https://graphs.example/bye"
    given = ("--redirect-uri", "https://graphs.example/cb", "--post-logout-redirect-uri", bye, "--scope", "a")
    client = str(json.loads(done(folder, "client", "add", "Graphs", "--json", *given))["client_id"])
    changed = ("--first-party", "--scope", "a", "--scope", "b", "--post-logout-redirect-uri", "")
    shown = json.loads(done(folder, "client", "change", client, "--json", *changed))
    assert (shown["first_party"], shown["scopes"], shown["post_logout_redirect_uris"]) == (
        True,
        ["a", "b"],
        [],
    )
    assert (shown["name"], shown["redirect_uris"]) == ("Graphs", ["https://graphs.example/cb"])
    for words, sentence in (
        ((), "say what is to be changed"),
        (("--redirect-uri", ""), "say where people are sent back to"),
    ):
        result = pillion(folder, "client", "change", client, *words)
        assert (result.returncode, sentence in result.stderr) == (2, True), result.stderr


def test_a_mistake_is_a_sentence_and_an_exit_code(folder: Path) -> None:
    """2 for wrong input, 1 for what cannot be done, 130 for who thinks again; never a trace."""
    done(folder, "user", "add", "ada@example.org", "--password-stdin", typed=PASSWORD)
    for arguments, typed, code, sentence in (
        (["user", "add", "b@example.org", "--password-stdin"], "short", 2, "10 characters or more"),
        (["user", "add", "b@example.org"], PASSWORD, 2, "use --password-stdin"),
        (["user", "disable", "b@example.org"], "", 1, "no account for b@example.org"),
        (["user", "delete", "ada@example.org"], "n\n", 130, "interrupted"),
        (["user", "reset-mfa", "ada@example.org"], "n\n", 130, "interrupted"),
        (["user", "reset-mfa", "ada@example.org", "--yes"], "", 1, "has no second factor"),
        (["user", "reset-mfa", "b@example.org", "--yes"], "", 1, "no account for b@example.org"),
        (["user", "unlink", "ada@example.org"], "n\n", 130, "interrupted"),
        (["user", "unlink", "ada@example.org", "--yes"], "", 1, "by a provider"),
        (["user", "unlink", "b@example.org", "--yes"], "", 1, "no account for b@example.org"),
        (["token", "--user", "ada@example.org", "--lifetime", "soon"], "", 2, "60s, 5m, 1h or 90d"),
    ):
        result = pillion(folder, *arguments, typed=typed)
        assert result.returncode == code, arguments
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr


def test_the_password_is_asked_for_twice_and_not_shown(folder: Path) -> None:
    """On a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PILLION, "user", "add", "ada@example.org"],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        for asked in (b"Password: ", b"The same again: "):
            while not shown.endswith(asked):
                shown += os.read(ours, 1024)
            os.write(ours, PASSWORD.encode() + b"\n")
        assert process.wait(30) == 0
        shown += os.read(ours, 1024)
    os.close(ours)
    assert b"added ada@example.org" in shown
    assert PASSWORD.encode() not in shown


def test_a_topology_with_mistakes_is_told_of(folder: Path) -> None:
    """Like every command does."""
    (folder / "pillion.yaml").write_text("mesh: 1\n")
    result = pillion(folder, "user", "list")
    assert result.returncode == 2
    assert "pillion.yaml:1:7: mesh: " in result.stderr
    assert not (folder / ".pillion").exists()


def test_an_operator_asks_what_the_rules_let_an_account_do(folder: Path) -> None:
    """By its roles as they are now; nobody who is disabled or unknown."""
    text = (folder / "pillion.yaml").read_text()
    rules = "rules: [{path: /a/r, roles: [manager]}, {path: /a/s, scopes: [a]}, {path: /a/m, mfa: true}]"
    (folder / "pillion.yaml").write_text(text.replace("paths: [/a]", f"paths: [/a], {rules}"))
    asked = ("check", "--as", "ada@example.org", "--json", "--explain", "GET")
    before = pillion(folder, *asked, "/a/r")
    assert (before.returncode, "nothing was ever started" in before.stderr) == (1, True)
    done(folder, "user", "add", "ada@example.org", "--password-stdin", "--role", "manager", typed=PASSWORD)
    assert json.loads(done(folder, *asked, "/a/r"))["allowed"]
    assert json.loads(done(folder, *asked, "/a/s"))["code"] == "scope-missing"
    assert json.loads(done(folder, *asked, "/a/s", "--scope", "a"))["allowed"]
    assert json.loads(done(folder, *asked, "/a/m"))["code"] == "step-up-required"
    assert json.loads(done(folder, *asked, "/a/m", "--mfa"))["allowed"]
    done(folder, "user", "roles", "ada@example.org")
    assert json.loads(done(folder, *asked, "/a/r"))["code"] == "rule-refused"
    done(folder, "user", "disable", "ada@example.org")
    assert pillion(folder, *asked, "/a/r").stderr == (
        "Error: the account of ada@example.org is disabled: it gets no token\n"
    )
