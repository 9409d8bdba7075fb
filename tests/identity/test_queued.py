"""SQLite's writers wait in a queue: one turn at a time, given back however its transaction ends."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from tests.identity.browser import Browser, new_user  # isort: skip - sets Django up
from django.db import Error, OperationalError, connection, transaction

from pillion.identity.models import Tries
from pillion.identity.queued import base
from pillion.identity.transactions import soon_on_disk
from tests.identity.databases import only_on_sqlite

pytestmark = only_on_sqlite


def _turn() -> threading.Lock:
    return base.turns[str(connection.settings_dict["NAME"])]


def _elsewhere(work: Callable[[], Any]) -> Any:
    """Do it in another thread, on a connection of its own, and give what comes of it."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is the future's
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    return future.result(10)


def _write() -> None:
    with transaction.atomic():
        Tries.objects.create(name=f"of {threading.get_ident()}", times="[]", until=0)


def _fail() -> None:
    raise ValueError


def _fail_in_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("no such statement")


def _refuse_the_end() -> None:
    """Point a foreign key nowhere: SQLite looks at it when the transaction ends."""
    connection.connection.execute(
        "INSERT INTO account_emailaddress (user_id, email, verified, \"primary\") VALUES ('x', 'x@x', 0, 0)"
    )


def _close() -> None:
    connection.close()


def _break() -> None:
    connection.connection.close()  # behind Django's back: neither commit nor rollback works


@pytest.mark.parametrize("begin", [transaction.atomic, soon_on_disk])
@pytest.mark.parametrize("end", [_write, _fail, _fail_in_sql, _refuse_the_end, _close, _break])
def test_a_turn_ends_with_its_transaction(begin: Callable[[], Any], end: Callable[[], None]) -> None:
    """Else nobody writes any more."""
    try:
        with begin():
            assert _turn().locked()
            end()
    except (ValueError, Error):
        pass
    assert not _turn().locked()
    connection.close()
    _elsewhere(_write)


def test_a_turn_ends_where_the_transaction_cannot_begin() -> None:
    """As while another process writes for longer than anybody waits."""
    connection.ensure_connection()
    connection.connection.close()
    for begin in (transaction.atomic, soon_on_disk):
        with pytest.raises(Error), begin():
            raise AssertionError
        assert not _turn().locked()
    connection.close()


def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words, and with the answer, of a database that is locked."""
    email = new_user()
    monkeypatch.setattr(base, "PATIENCE_SECONDS", 0.05)
    with transaction.atomic():
        with pytest.raises(OperationalError, match="locked"):
            _elsewhere(_write)
        answer = _elsewhere(lambda: Browser().sign_in(email))
    assert (answer.status, answer.code) == (503, "unavailable")
