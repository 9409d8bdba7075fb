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


def _reader() -> Browser:
    browser = Browser()
    led = browser.visit(PAGE)
    assert (led.status, led["Location"]) == (303, "/pillion/mail")
    return browser


def test_it_shows_each_mail_with_its_link() -> None:
    email = new_user()
    Browser().post_json("/account/forgot", {"email": email})
    letter = last_mail_to(email)
    browser = _reader()
    page = browser.visit("/pillion/mail")
    assert page.status == 200
    assert f'href="/pillion/mail/{letter.name}"'.encode() in page.body
    shown = browser.visit(f"/pillion/mail/{letter.name}")
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


@pytest.mark.parametrize("key", ["", "x", "k" * 31, "k" * 33, "\u2603", "%00"])
def test_without_the_key_nobody_reads_it(key: str) -> None:
    """Whoever reaches the edge could: another user of this machine, the world through a tunnel."""
    browser = Browser()
    browser.ask("GET", f"/pillion/mail?key={key}")
    assert browser.cookies == {}
    for answer in (
        browser.ask("GET", "/pillion/mail"),
        browser.ask("GET", f"/pillion/mail/{'0' * 20}-{'0' * 32}"),
    ):
        assert (answer.status, answer.code) == (403, "key-missing")
    forged = Browser(cookies={"pillion-mailbox": "k" * 31})
    assert forged.ask("GET", "/pillion/mail").status == 403


def test_the_key_stays_in_a_cookie_that_no_service_is_sent() -> None:
    browser = Browser()
    line = browser.visit(PAGE).set_cookies["pillion-mailbox"]
    assert "Path=/pillion/mail" in line
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line


def test_the_page_of_another_site_reads_nothing_and_leads_nowhere() -> None:
    browser = _reader()
    for site in ("cross-site", "same-site"):
        assert browser.ask("GET", "/pillion/mail", sec_fetch_site=site).status == 403
    assert browser.ask("GET", "/pillion/mail", sec_fetch_site="same-origin").status == 200


@pytest.mark.parametrize("name", ["..%2f..%2fidentity", "x", "../identity.sqlite3", f"{'0' * 20}-{'0' * 32}"])
def test_no_other_file_can_be_read(name: str) -> None:
    assert _reader().visit(f"/pillion/mail/{name}").status == 404


def test_what_somebody_typed_is_text_on_the_page() -> None:
    email = "a&b'<c@example.org".replace("<", "")
    Browser().post_json("/account/forgot", {"email": email})
    letter = last_mail_to(email)
    page = _reader().visit(f"/pillion/mail/{letter.name}").body
    assert b"a&amp;b&#x27;c@example.org" in page


def test_it_keeps_the_latest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillion.identity.mail.mailbox._KEPT", 2)
    emails = [new_email() for _ in range(4)]
    for email in emails:
        Browser().post_json("/account/forgot", {"email": email})
    assert [len(mails_to(email)) for email in emails] == [0, 0, 1, 1]


def test_where_mail_is_sent_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with the key; and none where nobody gets mail."""
    browser = _reader()
    server = MailServer(host="localhost", port=25, tls="none")
    for update in ({"mail_server": server}, {"mailbox_key": None}):
        with monkeypatch.context() as patch:
            patch.setattr(settings, "PILLION", settings.PILLION.model_copy(update=update))
            for path in (PAGE, "/pillion/mail", f"/pillion/mail/{'0' * 20}-{'0' * 32}"):
                assert browser.ask("GET", path).status == 404
