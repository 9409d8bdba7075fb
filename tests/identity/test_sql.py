"""Queries written by hand keep values as Django's fields do."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from tests.identity.browser import new_user  # isort: skip - sets Django up
from django.db import connection
from django.db.models import Model

from pillion.identity import sql
from pillion.identity.models import Session, User

_VALUES = [
    (Session, "created_at", datetime(2026, 11, 28, 9, 30, 0, 123456, tzinfo=UTC)),
    (Session, "created_at", datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
    (Session, "created_at", datetime(2026, 11, 28, 9, 30, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))),
    (Session, "revoked_at", None),
    (Session, "sid", UUID("0a1b2c3d-0000-4000-8000-00000000000f")),
    (Session, "user", UUID("0a1b2c3d-0000-4000-8000-00000000000f")),
    (Session, "data", {"a": [1.5, None, True, "ä\u2028"]}),
    (Session, "amr", ["mfa", "pwd"]),
    (Session, "tokens_until", 1_800_000_000),
    (Session, "address", "192.0.2.1"),
    (User, "is_active", True),
]


@pytest.mark.parametrize(("model", "name", "value"), _VALUES)
def test_a_value_is_kept_as_its_field_keeps_it(model: type[Model], name: str, value: Any) -> None:
    """Else what Django writes and what we look for differ."""
    ours, field = sql.stored(model, name, value), model._meta.get_field(name)  # noqa: SLF001 - documented
    theirs = field.get_db_prep_save(value, connection)  # type: ignore[union-attr] # it has a column
    assert isinstance(theirs, type(ours))
    # PostgreSQL's driver wraps JSON.
    assert getattr(ours, "obj", ours) == getattr(theirs, "obj", theirs)


def test_a_value_is_returned_as_its_field_has_it() -> None:
    """What a database returns of JSON and of times is its own matter."""
    email = new_user("cashier", "manager")
    row = sql.rows(f"SELECT roles, date_joined FROM {sql.table(User)} WHERE email = %s", email)[0]
    user = User.objects.get(email=email)
    assert sql.returned(User, "roles", row[0]) == user.roles == ["cashier", "manager"]
    assert sql.returned(User, "date_joined", row[1]) == user.date_joined
