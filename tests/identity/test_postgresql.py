"""What a session on PostgreSQL promises, who holds a connection for how long, and what a URL may say."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.pq import TransactionStatus

from pillion.identity import keys, postgresql, rotation
from pillion.identity.models import Session, User
from pillion.identity.pooled.base import Pool
from pillion.identity.turn import turn
from tests import postgres
from tests.identity import databases
from tests.identity.browser import Browser, new_user, signed_in
from tests.identity.conftest import CONFIG
from tests.identity.databases import only_on_postgresql

pytestmark = pytest.mark.usefixtures("as_before")

SETTINGS = {
    "transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}


def shown(database: "psycopg.Connection[Any]") -> dict[str, str]:
    """Say what holds for a session."""
    found: dict[str, str] = {}
    for name in SETTINGS:
        ((found[name],),) = database.execute(f"SHOW {name}").fetchall()
    return found


@only_on_postgresql
def test_a_session_promises_what_the_code_relies_on_whatever_the_databases_defaults_are() -> None:
    """Commits are on the disk, and nobody's locks last for ever; the URL may say otherwise."""
    url = databases.fresh()
    with postgres.connected(url) as admin:
        name = url.rpartition("/")[2]
        for setting, bad in (
            ("synchronous_commit", "off"),
            ("default_transaction_isolation", "serializable"),
            ("lock_timeout", "0"),
        ):
            admin.execute(f"ALTER DATABASE {name} SET {setting} = '{bad}'")
    with psycopg.connect(**postgresql.parameters(url)) as database:
        assert shown(database) == SETTINGS
    with psycopg.connect(**postgresql.parameters(f"{url}?options=-c%20lock_timeout%3D7s")) as database:
        assert shown(database) == SETTINGS | {"lock_timeout": "7s"}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql://u:p%40@db/x", {"user": "u", "password": "p@", "host": "db", "dbname": "x"}),
        ("postgresql://db/x?sslmode=verify-full&sslrootcert=/ca.pem", {"sslmode": "verify-full"}),
        ("postgresql://a,b:6432/x?target_session_attrs=read-write", {"host": "a,b", "port": ",6432"}),
        ("postgresql:///x?host=/var/run/postgresql", {"host": "/var/run/postgresql"}),
        ("postgresql://db/x?connect_timeout=30", {"connect_timeout": "30"}),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url: str, parts: dict[str, str]) -> None:
    """All that libpq knows may stand in it."""
    read = postgresql.parameters(url)
    assert {name: read[name] for name in parts} == parts
    settings = postgresql.postgresql(url)
    assert (settings["HOST"], settings["NAME"]) == (read["host"], "x")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2%zz@db/x",
        "postgresql://u:hunter2@db",
        "postgresql://u:hunter2@db/x?nonsense=1",
        "postgresql://u:hunter2%00@db/x",
        "postgresql://u:hunter2 hunter2@db/x",
        "postgresql://u:hunter2@[::1/x",
    ],
)
def test_a_url_that_libpq_cannot_read_is_refused_without_being_quoted(url: str) -> None:
    """Libpq itself quotes what it cannot read, which may be the password."""
    with pytest.raises(postgresql.UrlError) as caught:
        postgresql.parameters(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_url_is_named_without_its_password() -> None:
    """For people."""
    assert postgresql.named("postgresql://u:hunter2@db:6432/x?sslmode=require") == "postgresql://u@db:6432/x"


@only_on_postgresql
def test_a_connection_goes_back_when_a_request_is_answered_or_has_to_wait() -> None:
    """Pages, renewals, health; and 48 who wait for their turn to sign in hold none."""
    browser = signed_in()
    for answer in (browser.renew(), browser.ask("GET", "/-/health"), browser.ask("GET", "/account/")):
        assert answer.status < 400
        assert connection.connection is None
    assert User.objects.exists()
    with turn():
        assert connection.connection is None


@only_on_postgresql
def test_who_waits_for_a_key_holds_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a key that was given away is replaced, all renewals wait, and they are more than connections."""
    successor = rotation.revoke(keys.signing_kid())
    assert successor is not None
    held: list[object] = []

    def promoted_meanwhile(_: float) -> None:
        held.append(connection.connection)
        rotation.promote(successor)

    monkeypatch.setattr("time.sleep", promoted_meanwhile)
    assert keys.signer().kid == successor
    assert held == [None]


@only_on_postgresql
def test_a_pool_gives_no_more_than_it_has_and_nothing_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was killed, or was left in the middle of something, is closed; who gets none is told soon."""
    monkeypatch.setattr("pillion.identity.pooled.base.PATIENCE_SECONDS", 0.05)
    pool = Pool(2)

    def connect() -> "psycopg.Connection[Any]":
        return psycopg.connect(**postgresql.parameters(CONFIG.database))

    first, second = pool.take(connect), pool.take(connect)
    with pytest.raises(psycopg.OperationalError, match="all connections are in use"):
        pool.take(connect)
    first.execute("SELECT 1")
    assert first.info.transaction_status == TransactionStatus.INTRANS
    pool.give_back(first)
    assert first.closed
    pool.give_back(second)
    assert pool.take(connect) is second
    pool.give_back(second)
    databases.server().ask("SELECT pg_terminate_backend(%s, 5000)", second.info.backend_pid)
    third = pool.take(connect)
    assert third is not second
    assert second.closed

    def refused() -> "psycopg.Connection[Any]":
        raise psycopg.OperationalError("refused")

    for _ in range(3):  # a failure uses nothing up
        with pytest.raises(psycopg.OperationalError, match="refused"):
            pool.take(refused)
    pool.give_back(third)
    for kept in (pool.take(connect), pool.take(connect)):
        kept.close()


@only_on_postgresql
def test_a_broken_connection_costs_one_request_at_most() -> None:
    """All that are kept are killed: the next renewal makes a new one, and nobody notices."""
    browser = signed_in()
    with ThreadPoolExecutor(4) as crowd:
        assert {answer.status for answer in crowd.map(lambda _: browser.renew(), range(16))} == {200}
    databases.server().ask(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pillion identity'"
    )
    connection.close()
    assert [browser.renew().status for _ in range(4)] == [200] * 4


def test_no_header_leads_to_a_failure() -> None:
    """NULs, bytes that are no text, a zone in an address: PostgreSQL takes none of them as SQLite does."""
    email = new_user()
    odd = ("a\0b", "\x80\xff" * 150, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"))
    for text in odd:
        answer = Browser().ask(
            "POST",
            "/sign-in",
            b'{"email": "%s", "password": "correct horse battery staple"}' % email.encode(),
            content_type="application/json",
            user_agent=text,
            cookie=f"pillion-session={text}; pillion-token={text}",
        )
        assert answer.status < 500, text
    for address in (f"fe80::1%{'x' * 60}", "fe80::1%\0", "fe80::1%eth0"):
        assert Browser(address).sign_in(email).status == 200
        assert Session.objects.filter(user__email=email, address="fe80::1").exists()
