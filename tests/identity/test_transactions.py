"""A transaction that waits for no disk is one all the same."""

import secrets

import pytest

from tests.identity.browser import PASSWORD  # isort: skip  # noqa: F401 - sets Django up
from django.db import connection

from pillion.identity.models import Tries
from pillion.identity.transactions import soon_on_disk


def _write() -> str:
    return Tries.objects.create(name=secrets.token_hex(32), times="[]", until=0).name


def _is_there(name: str) -> bool:
    return Tries.objects.filter(name=name).exists()


def test_it_is_kept_at_the_end() -> None:
    """For other connections, too."""
    with soon_on_disk():
        name = _write()
    connection.close()
    assert _is_there(name)


def test_nothing_is_kept_of_one_that_fails() -> None:
    """And the next is none the worse."""
    names = []

    def fail() -> None:
        with soon_on_disk():
            names.append(_write())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not _is_there(names[0])
    with soon_on_disk():
        assert _is_there(_write())
