"""The local mailbox, and who may read it."""

import stat
from pathlib import Path

import pytest
from django.conf import settings

from pillion.identity.config import MailServer
from tests.identity.browser import Browser, new_email, new_user
from tests.identity.mailed import last_mail_to, mails_to

pytestmark = pytest.mark.usefixtures("mail")

KEY = "k" * 32
PAGE = f"/pillion/mail?key={KEY}"


def _folder() -> Path:
    folder = settings.PILLION.mailbox
    assert folder is not None
    return folder


def test_it_shows_each_mail_with_its_link() -> None:
    email = new_user()
    Browser().post_json("/account/forgot", {"email": email})
    letter = last_mail_to(email)
    page = Browser().visit(PAGE)
    assert page.status == 200
    assert f'href="{PAGE}&amp;letter={letter.name}"'.encode() in page.body
    shown = Browser().visit(f"{PAGE}&letter={letter.name}")
    assert shown.status == 200
    assert b'<a href="http://localhost:8080/account/reset?key=' in shown.body
    assert email.encode() in shown.body


def test_it_is_private() -> None:
    """Other users of the machine read no file."""
    Browser().post_json("/account/forgot", {"email": new_email()})
    mails_to("")
    (file,) = _folder().iterdir()
    assert stat.S_IMODE(_folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("key", ["", "x", "k" * 31, "k" * 33, "%E2%98%83", "%00", f"x&key={'k' * 31}"])
def test_without_the_key_nobody_reads_it(key: str) -> None:
    """Whoever reaches the edge could: another user of this machine, the world through a tunnel."""
    for target in ("/pillion/mail", f"/pillion/mail?key={key}", f"/pillion/mail?key={key}&letter=x"):
        answer = Browser().ask("GET", target)
        assert (answer.status, answer.code) == (403, "key-missing")


def test_nobody_is_told_the_key_who_is_led_to_from_there() -> None:
    """A service is, by a link to it."""
    assert Browser().visit(PAGE)["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["..%2f..%2fidentity", "x", "../identity.sqlite3", f"{'0' * 20}-{'0' * 32}"])
def test_no_other_file_can_be_read(name: str) -> None:
    assert Browser().visit(f"{PAGE}&letter={name}").status == 404


def test_what_somebody_typed_is_text_on_the_page() -> None:
    email = "a&b'<c@example.org".replace("<", "")
    Browser().post_json("/account/forgot", {"email": email})
    letter = last_mail_to(email)
    page = Browser().visit(f"{PAGE}&letter={letter.name}").body
    assert b"a&amp;b&#x27;c@example.org" in page


def test_it_keeps_the_latest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillion.identity.mail.mailbox._KEPT", 2)
    emails = [new_email() for _ in range(4)]
    for email in emails:
        Browser().post_json("/account/forgot", {"email": email})
    assert [len(mails_to(email)) for email in emails] == [0, 0, 1, 1]


def test_where_mail_is_sent_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with the key; and none where nobody gets mail."""
    server = MailServer(host="localhost", port=25, tls="none")
    for update in ({"mail_server": server}, {"mailbox_key": None}):
        with monkeypatch.context() as patch:
            patch.setattr(settings, "PILLION", settings.PILLION.model_copy(update=update))
            for path in (PAGE, "/pillion/mail", f"{PAGE}&letter=x"):
                assert Browser().ask("GET", path).status == 404
