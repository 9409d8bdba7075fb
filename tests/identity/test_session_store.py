"""Our session engine: what is written, and what is not written twice."""

from tests.identity.browser import signed_in  # isort: skip - sets Django up
import pytest
from django.db import transaction

from pillion.identity.models import Session
from pillion.identity.session_store import SessionStore


class _UndoError(Exception):
    pass


def test_what_a_transaction_took_back_is_written_again() -> None:
    store = SessionStore(signed_in().cookies["pillion-session"])
    store["x"] = 1
    store.save()

    def in_vain() -> None:
        with transaction.atomic():
            store["x"] = 2
            store.save()
            raise _UndoError

    with pytest.raises(_UndoError):
        in_vain()
    store.save()
    assert store.row is not None
    assert Session.objects.get(sid=store.row.sid).data["x"] == 2
