"""Our transactions do what Django's do, and leave the connection as they do."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.identity.browser import new_email  # isort: skip - sets Django up
from django.db import IntegrityError, connection, transaction

from pillion.identity.models import Tries
from pillion.identity.transactions import Transaction, soon_on_disk
from tests.identity.databases import only_on_sqlite

_BOTH = pytest.mark.parametrize("begin", [transaction.atomic, Transaction, soon_on_disk])


def _state() -> dict[str, Any]:
    names = (
        "autocommit",
        "in_atomic_block",
        "commit_on_exit",
        "needs_rollback",
        "savepoint_ids",
        "run_on_commit",
    )
    return {name: getattr(connection, name) for name in names} | {"blocks": len(connection.atomic_blocks)}


def _write() -> str:
    return Tries.objects.create(name=secrets.token_hex(32), times="[]", until=0).name


def _is_there(name: str) -> bool:
    return Tries.objects.filter(name=name).exists()


def _fail_after(begin: Callable[[], Any], do: Callable[[], Any]) -> Any:
    """Give what was done in a transaction that failed then."""
    done: list[Any] = []

    def fail() -> None:
        with begin():
            done.append(do())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    return done[0]


@_BOTH
def test_it_is_kept_at_the_end(begin: Callable[[], Any]) -> None:
    """And the connection is as before; within, it is as Django has it."""
    before = _state()
    with transaction.atomic():
        djangos = _state()
    with begin():
        assert _state() == djangos
        name = _write()
    assert _state() == before
    connection.close()
    assert _is_there(name)


@_BOTH
def test_nothing_is_kept_of_one_that_fails(begin: Callable[[], Any]) -> None:
    """Whatever it fails by."""
    before = _state()
    name = _fail_after(begin, _write)
    assert _state() == before
    assert not _is_there(name)


@_BOTH
def test_one_within_another_fails_alone(begin: Callable[[], Any]) -> None:
    """As allauth's do in ours."""
    with begin():
        outer = _write()
        inner = _fail_after(transaction.atomic, _write)
    assert (_is_there(outer), _is_there(inner)) == (True, False)


def test_it_may_be_within_another() -> None:
    """Then it is a savepoint, as Django's."""

    def within() -> str:
        with Transaction():
            return _write()

    inner = _fail_after(transaction.atomic, within)
    assert not _is_there(inner)


@_BOTH
def test_what_waits_for_the_end_is_done_then_or_never(begin: Callable[[], Any]) -> None:
    """Django's `on_commit`."""
    done: list[str] = []
    with begin():
        connection.on_commit(lambda: done.append("kept"))
        assert not done
    _fail_after(begin, lambda: connection.on_commit(lambda: done.append("lost")))
    with transaction.atomic():
        pass
    assert done == ["kept"]


@only_on_sqlite
def test_one_whose_end_the_database_refuses_is_undone() -> None:
    """A foreign key is looked at when it ends; the connection is good for the next."""
    before, names = _state(), []

    def break_a_key() -> None:
        with Transaction():
            names.append(_write())
            connection.connection.execute(
                "INSERT INTO account_emailaddress (user_id, email, verified, \"primary\") VALUES ('x', ?, 0, 0)",
                (new_email(),),
            )

    with pytest.raises(IntegrityError):
        break_a_key()
    assert _state() == before
    assert not _is_there(names[0])
    with Transaction():
        assert _is_there(_write())
