"""What identity is told of the topology."""

import json
from pathlib import Path

import pytest

from pillion.identity.config import Config
from pillion.local import folder, identity_config
from pillion.topology import load

SERVICES = "services: {a: {app: '127.0.0.1:7001'}}\n"
PUBLIC = "edge: {listen: '0.0.0.0:8080', origin: 'https://shop.example'}\n"


def _told(tmp_path: Path, topology: str) -> Config:
    """Write identity.json for a topology, and read it as identity does."""
    file = tmp_path / "pillion.yaml"
    file.write_text(f"mesh: shop\n{topology}{SERVICES}", "utf-8")
    state = folder.of(file)
    folder.make(state)
    identity_config.write(state, load(file, {"SMTP_PASSWORD": "p/a@s:s"}))
    assert state.identity_config.stat().st_mode & 0o077 == 0
    return Config.model_validate(json.loads(state.identity_config.read_text("utf-8")))


def test_a_mail_server_arrives_with_its_password_and_closes_the_mailbox(tmp_path: Path) -> None:
    told = _told(
        tmp_path,
        "identity: {mail: {from: 'Shop <a@shop.example>', smtp: 'smtp://u@b.example:${SMTP_PASSWORD}@h.example'}}\n",
    )
    assert told.mail_server is not None
    assert (told.mail_server.host, told.mail_server.port, told.mail_server.tls) == (
        "h.example",
        587,
        "starttls",
    )
    assert (told.mail_server.user, told.mail_server.password) == ("u@b.example", "p/a@s:s")
    assert told.mail_from == "Shop <a@shop.example>"
    assert (told.mailbox, told.mailbox_key, told.verifies) == (None, None, True)
    assert "p/a@s:s" not in repr(told)


def test_on_one_machine_alone_there_is_a_mailbox_with_a_key_that_stays(tmp_path: Path) -> None:
    told = _told(tmp_path, "")
    assert told.mailbox == tmp_path / ".pillion" / "mail"
    assert told.verifies
    assert _told(tmp_path, "").mailbox_key == told.mailbox_key
    assert str(told.mailbox_key) not in repr(told)


@pytest.mark.parametrize("edge", [PUBLIC, "edge: {origin: 'https://shop.example'}\n"])
def test_where_others_come_in_there_is_none(tmp_path: Path, edge: str) -> None:
    """Also through something in front of an edge that listens on loopback."""
    told = _told(tmp_path, edge)
    assert (told.mailbox, told.mailbox_key, told.sends_mail, told.verifies) == (None, None, False, False)


def test_verification_and_the_list_of_breached_passwords_arrive(tmp_path: Path) -> None:
    (tmp_path / "pwned.txt").write_text(f"{'0' * 40}:1\n")
    told = _told(tmp_path, "identity: {verification: optional, breached_passwords: pwned.txt}\n")
    assert (told.sends_mail, told.verifies) == (True, False)
    assert told.breached_passwords == tmp_path / "pwned.txt"
