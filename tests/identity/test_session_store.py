"""Our session engine: what is written, what is not written twice, and how it is found."""

from tests.identity.browser import new_user, signed_in  # isort: skip - sets Django up
import pytest
from django.db import connection, transaction

from pillion.identity.models import Session, User
from pillion.identity.session_store import SessionStore
from tests.identity.databases import ON_POSTGRESQL


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


def test_the_sessions_of_a_user_are_found_by_the_index_that_has_the_address_too() -> None:
    """The user alone has none (`models.session`)."""
    user = User.objects.get(email=new_user())
    with transaction.atomic(), connection.cursor() as cursor:
        if ON_POSTGRESQL:  # which reads the few of a test as fast without any
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "session_of_user_at_address" in Session.objects.filter(user=user).explain()
