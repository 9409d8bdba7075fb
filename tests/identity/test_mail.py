"""Mail on its way: what waits, what is tried again, what is given up, and through what kind of server it goes."""

import json
import os
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from pillion.identity.config import MailServer
from pillion.identity.mail import queue, sender
from pillion.identity.mail.smtp import NotSentError
from pillion.identity.models import QueuedMail
from tests import certificates, smtp
from tests.identity.browser import PASSWORD, Browser, new_email, new_user
from tests.identity.test_server import ask, is_up, prepare, serving, until
from tests.mesh import free_ports
from tests.smtp import Post


@contextmanager
def _through(monkeypatch: pytest.MonkeyPatch, port: int, **server: Any) -> Iterator[None]:
    """Have mail sent through a server on this machine."""
    chosen = MailServer(**{"host": "localhost", "port": port, "tls": "none", **server})
    changed = {"mail_server": chosen, "mail_from": "Shop <noreply@shop.example>"}
    with monkeypatch.context() as patch:
        patch.setattr(settings, "PILLION", settings.PILLION.model_copy(update=changed))
        yield
    QueuedMail.objects.all().delete()


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Give a mail server through which mail is sent."""
    with smtp.server() as started, _through(monkeypatch, started.port):
        yield started


def _send(*, later: float = 0) -> int:
    return sender.send_due(timezone.now() + timedelta(seconds=later))


def _waiting() -> int:
    return QueuedMail.objects.count()


def test_a_mail_is_handed_in_with_all_that_it_needs(post: Post) -> None:
    email = new_email()
    Browser().post_json("/account/forgot", {"email": email})
    assert _send() == 1
    (mail,) = post.mails
    assert post.recipients == [email]
    assert mail["From"] == "Shop <noreply@shop.example>"
    assert mail["To"] == email
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@shop.example>")
    assert mail["Date"].datetime.tzinfo is not None
    assert "There is no account" in mail["Subject"]
    assert _waiting() == 0


def test_what_cannot_be_handed_in_waits_longer_every_time(post: Post) -> None:
    post.refusing["DATA"] = "451 try again"
    queue.put("confirm", email := new_email())
    for later in (0, 2.1, 6.3, 14.5):
        with pytest.raises(NotSentError, match="451"):
            _send(later=later)
        # Not a moment before its time.
        QueuedMail.objects.update(due_at=timezone.now() + timedelta(seconds=later + 1))
        assert _send(later=later) == 0
        QueuedMail.objects.update(due_at=timezone.now())
    row = QueuedMail.objects.get()
    assert row.tries == 4
    post.refusing.clear()
    assert _send(later=1) == 1
    assert post.recipients == [email]


def test_the_pauses_grow_to_a_quarter_of_an_hour() -> None:
    now = timezone.now()
    pauses = []
    with transaction.atomic():
        for tries in (1, 2, 5, 30):
            row = QueuedMail.objects.create(
                sealed=b"", created_at=now, due_at=now, expires_at=now + queue.GIVEN_UP
            )
            queue.again(queue.Order(row.id, "confirm", "", {}, now, tries), now)
            row.refresh_from_db()
            pauses.append((row.due_at - now).total_seconds())
        transaction.set_rollback(True)
    assert pauses == [2, 4, 32, 900]


def test_one_bad_recipient_keeps_nobody_else_waiting(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = new_email(), new_email()
    post.refusing[bad] = "550 no such mailbox here"
    for email in (bad, good):
        queue.put("confirm", email)
    assert _send() == 1
    assert post.recipients == [good]
    assert _waiting() == 0
    assert "refused (550)" in caplog.text
    assert bad not in caplog.text


def test_a_full_mailbox_is_tried_again(post: Post) -> None:
    email = new_email()
    post.refusing[email] = "452 full"
    queue.put("confirm", email)
    with pytest.raises(NotSentError, match="452"):
        _send()
    assert _waiting() == 1


def test_a_server_that_is_down_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    with _through(monkeypatch, int(port)):
        began = time.monotonic()
        answer = Browser().post_json("/sign-up", {"email": new_email(), "password": PASSWORD})
        assert (answer.status, time.monotonic() - began < 2) == (202, True)
        with pytest.raises(NotSentError, match="refused"):
            _send()
        assert _waiting() == 1


def test_what_nobody_waits_for_any_more_is_forgotten(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    queue.put("confirm", new_email())
    assert _send(later=queue.GIVEN_UP.total_seconds() + 1) == 0
    assert (_waiting(), post.mails) == (0, [])
    assert "given up" in caplog.text


def test_nothing_can_be_read_in_the_queue(post: Post) -> None:  # noqa: ARG001
    """Nor moved to another row (the row's id is sealed in)."""
    email = new_user()
    Browser().post_json("/account/forgot", {"email": email})
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT sealed FROM identity_queuedmail")
        (sealed,) = cursor.fetchone()
    assert email.encode() not in bytes(sealed)
    row = QueuedMail.objects.get()
    QueuedMail.objects.create(
        sealed=row.sealed, created_at=row.created_at, due_at=row.due_at, expires_at=row.expires_at
    )
    row.delete()
    assert _send() == 0
    assert _waiting() == 0


def test_of_two_senders_each_takes_another_mail(post: Post) -> None:
    addresses = {new_email() for _ in range(10)}
    for email in addresses:
        queue.put("confirm", email)
    threads = [threading.Thread(target=_send_and_close) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(post.recipients) == sorted(addresses)


def _send_and_close() -> None:
    try:
        _send()
    finally:
        connection.close()


def test_a_mail_whose_sender_was_killed_is_taken_again(post: Post) -> None:
    queue.put("confirm", new_email())
    now = timezone.now()
    assert queue.take(now) is not None
    assert queue.take(now + queue.LEASE - timedelta(seconds=1)) is None
    assert _send(later=queue.LEASE.total_seconds() + 1) == 1
    assert len(post.mails) == 1


def test_what_is_rolled_back_is_not_mailed(post: Post) -> None:
    with transaction.atomic():
        queue.put("confirm", new_email())
        transaction.set_rollback(True)
    assert _send() == 0
    assert post.mails == []


def test_where_no_mail_is_sent_none_is_queued() -> None:
    queue.put("confirm", new_email())
    assert _waiting() == 0


def test_a_password_goes_over_tls_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pair = certificates.pair()
    (tmp_path / "crt").write_text(pair.certificate)
    (tmp_path / "key").write_text(pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    login = {"tls": "starttls", "user": smtp.USER, "password": smtp.PASSWORD}
    with smtp.server(tls=context, password=True) as post, _through(monkeypatch, post.port, **login):
        queue.put("confirm", email := new_email())
        with pytest.raises(NotSentError):  # nobody here trusts that certificate
            _send()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))
        assert _send(later=3) == 1
        assert post.recipients == [email]
    with (
        smtp.server(tls=context, password=True) as post,
        _through(monkeypatch, post.port, **{**login, "password": "another one"}),
    ):
        queue.put("confirm", new_email())
        with pytest.raises(NotSentError, match="535"):
            _send()
        assert _waiting() == 1


def test_without_tls_nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody in between who takes STARTTLS out of the server's answer gets neither mail nor password."""
    login = {"tls": "starttls", "user": smtp.USER, "password": smtp.PASSWORD}
    with smtp.server() as post, _through(monkeypatch, post.port, **login):
        queue.put("confirm", new_email())
        with pytest.raises(NotSentError, match="NotSupported"):
            _send()
        assert post.mails == []


def test_a_mail_acknowledged_before_a_kill_arrives_after_it(tmp_path: Path) -> None:
    """The whole server, killed with SIGKILL while its mail server is away."""
    (port,) = free_ports(1)
    config = {
        "mesh": "shop",
        "origin": "http://localhost:8080",
        "state": str(tmp_path / "state"),
        "mail_from": "noreply@shop.example",
        "mail_server": {"host": "127.0.0.1", "port": int(port), "tls": "none"},
    }
    (tmp_path / "identity.json").write_text(json.dumps(config))
    environ = {**os.environ, "PILLION_IDENTITY_CONFIG": str(tmp_path / "identity.json")}
    assert prepare(environ).returncode == 0
    socket, email = tmp_path / "identity.sock", new_email()
    body = json.dumps({"email": email, "password": PASSWORD})
    with serving(environ, "--uds", str(socket), ready=lambda: is_up(socket)) as server:
        status, _, _ = ask(socket, "POST", "/sign-up", body, Content_Type="application/json")
        assert status == 202
        until(lambda: _was_tried(tmp_path / "state" / "identity.sqlite3"))
        _kill(server)
    with (
        smtp.server(int(port)) as post,
        serving(environ, "--uds", str(socket), ready=lambda: is_up(socket)),
    ):
        until(lambda: bool(post.mails))
        assert post.recipients == [email]
        assert "/account/verify?key=" in post.mails[0].get_content()


def _was_tried(database: Path) -> bool:
    """Say whether the mail could not be handed in, and waits for its next time."""
    with closing(sqlite3.connect(database)) as opened:
        ((due, created),) = opened.execute("SELECT due_at, created_at FROM identity_queuedmail").fetchall()
    pause = datetime.fromisoformat(due) - datetime.fromisoformat(created)
    return timedelta(seconds=1) < pause < timedelta(seconds=10)


def _kill(server: subprocess.Popen[str]) -> None:
    import psutil  # noqa: PLC0415

    for process in (*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)):
        process.send_signal(signal.SIGKILL)
    server.wait()
