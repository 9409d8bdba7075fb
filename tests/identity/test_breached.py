"""Passwords that others know, looked up in a list on this machine."""

import hashlib
import random
import socket
from collections import defaultdict
from pathlib import Path

import pytest
from django.conf import settings

from pillion.identity import accounts, breached
from tests.identity.browser import Browser, new_email

KNOWN = [f"stolen passphrase {number}" for number in range(500)]
UNKNOWN = [f"unheard-of passphrase {number}" for number in range(500)]


def _digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture(params=["file", "lower", "bare", "crlf", "folder", "folder.txt"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a list of KNOWN, in each form that there is."""
    chance = random.Random(7)
    digests = sorted(map(_digest, KNOWN))
    if request.param.startswith("folder"):
        parts: dict[str, list[str]] = defaultdict(list)
        for digest in digests:
            parts[digest[:5]].append(f"{digest[5:]}:{chance.randrange(1, 10**6)}")
        for prefix, lines in parts.items():
            (tmp_path / f"{prefix}{request.param[6:]}").write_text("\n".join(lines))
        return tmp_path
    ending = "\r\n" if request.param == "crlf" else "\n"
    count = "" if request.param == "bare" else ":{}"
    text = "".join(digest + count.format(chance.randrange(1, 10**6)) + ending for digest in digests)
    (tmp_path / "list").write_bytes((text.lower() if request.param == "lower" else text).encode())
    return tmp_path / "list"


def test_each_known_password_is_found_and_no_other(known: Path) -> None:
    assert all(breached.is_breached(password, known) for password in KNOWN)
    assert not any(breached.is_breached(password, known) for password in UNKNOWN)


def test_a_list_of_any_length_is_searched(tmp_path: Path) -> None:
    file = tmp_path / "list"
    for length in range(6):
        some = KNOWN[:length]
        file.write_text("".join(f"{digest}:1\n" for digest in sorted(map(_digest, some))))
        assert [breached.is_breached(password, file) for password in KNOWN[:6]] == [
            index < length for index in range(6)
        ]


def test_padding_is_no_password(tmp_path: Path) -> None:
    """The service's ranges may hold hashes with a count of nought."""
    digest = _digest(KNOWN[0])
    (tmp_path / digest[:5]).write_text(f"{digest[5:]}:0\n")
    assert not breached.is_breached(KNOWN[0], tmp_path)


def test_nobody_may_choose_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And nothing is sent anywhere to find out."""
    file = tmp_path / "list"
    file.write_text("".join(f"{digest}:1\n" for digest in sorted(map(_digest, KNOWN))))
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"breached_passwords": file}))

    def refuse(*_: object) -> None:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    answer = Browser().post_json("/sign-up", {"email": new_email(), "password": KNOWN[7]})
    assert answer.status == 400
    assert "known to others" in answer.json()["errors"]["password"]
    with pytest.raises(accounts.InvalidAccountError, match="known to others"):
        accounts.add_user(new_email(), KNOWN[8])
    assert Browser().post_json("/sign-up", {"email": new_email(), "password": UNKNOWN[7]}).status == 200


def test_when_the_list_is_gone_no_password_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"breached_passwords": gone}))
    answer = Browser().post_json("/sign-up", {"email": new_email(), "password": UNKNOWN[0]})
    assert answer.status == 400
    assert "Try again later" in answer.json()["errors"]["password"]
