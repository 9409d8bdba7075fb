"""Queries written by hand, for what is asked hundreds of times a second.

Django's query language takes longer to build and compile such a query than the database takes to answer it, and
longer than a token to be signed. What comes back is converted by the fields' own rules, into Django's models.
"""

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache, partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model

Converter = Callable[[Any], Any]


class _OfThisThread(threading.local):
    connection: BaseDatabaseWrapper


_of_this_thread: Final = _OfThisThread()


class _Part(NamedTuple):
    """How the columns of one table become a model: its fields' names, and by their places the conversions.

    `key` is the place of the primary key.
    """

    model: type[Model]
    names: list[str]
    key: int
    converters: tuple[tuple[int, Converter], ...]

    def made(self, values: list[Any]) -> Model:
        for index, convert in self.converters:
            values[index] = convert(values[index])
        return self.model.from_db(DEFAULT_DB_ALIAS, self.names, values)


def database() -> BaseDatabaseWrapper:
    """Give this thread's connection itself: `django.db.connection` looks for it at each touch."""
    try:
        return _of_this_thread.connection
    except AttributeError:
        _of_this_thread.connection = connections[DEFAULT_DB_ALIAS]
        return _of_this_thread.connection


def release() -> None:
    """Do as Django after a request: a broken connection is closed, a pool's is given back."""
    database().close_if_unusable_or_obsolete()


def table(model: type[Model]) -> str:
    """Name a model's table."""
    return model._meta.db_table  # noqa: SLF001 - Django's documented Model._meta


def stored(model: type[Model], name: str, value: Any) -> Any:
    """Give a value as this database stores it in a field: what a query is asked with."""
    return _prepared(_field(model, name), value, database())


def returned(model: type[Model], name: str, value: Any) -> Any:
    """Give what this database has returned of a field as the field has it."""
    for _, convert in converters(((table(model), model, name),)):
        value = convert(value)
    return value


def _prepared(field: "Field[Any, Any]", value: Any, there: BaseDatabaseWrapper) -> Any:
    """Do as `Field.get_db_prep_save`, which takes a dozen calls even for what is stored as it is."""
    if value is None or type(value) in _AS_IT_IS:
        return value
    if there.vendor == "sqlite" and (text := _AS_SQLITE_HAS_IT.get(type(value))) is not None:
        return text(value)
    return field.get_db_prep_save(value, there)


_AS_IT_IS: Final = frozenset({str, int})
# tests/identity/test_sql.py holds these against the fields' own.
_AS_SQLITE_HAS_IT: Final[dict[type, Converter]] = {
    datetime: lambda time: str(time.astimezone(UTC))[: -len("+00:00")],
    UUID: attrgetter("hex"),
    dict: json.dumps,
    list: json.dumps,
}


def execute(sql: str, *parameters: Any) -> Any:
    """Ask the database, in a transaction or by itself; gives the driver's cursor. Raises DatabaseError.

    Django's own cursor looks at each query four times for who may want to know of it.
    """
    there = database()
    if there.force_debug_cursor:  # a test counts
        cursor = there.cursor()
        cursor.execute(sql, parameters)
        return cursor
    if there.connection is None:
        there.ensure_connection()
    if there.needs_rollback:
        there.validate_no_broken_transaction()
    try:
        # Both drivers have this; SQLite's wants its own marks.
        return there.connection.execute(_marked(sql) if there.vendor == "sqlite" else sql, parameters)
    except there.Database.Error:  # type: ignore[attr-defined] # the driver; not in the stubs
        with there.wrap_database_errors:
            raise


@lru_cache(maxsize=256)
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")


def scalar(sql: str, *parameters: Any) -> Any:
    """Give the first column of the first row, as the database returns it; None if there is no row."""
    row = execute(sql, *parameters).fetchone()
    return None if row is None else row[0]


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Give all rows, as the database returns them."""
    found: list[tuple[Any, ...]] = execute(sql, *parameters).fetchall()
    return found


def column(sql: str, *parameters: Any) -> list[Any]:
    """Give the first column of all rows, as the database returns it."""
    return [row[0] for row in rows(sql, *parameters)]


def for_update() -> str:
    """Give what locks the rows of a query until the transaction ends; SQLite has let in nobody else anyway."""
    return "FOR UPDATE" if database().features.has_select_for_update else ""


def update(sql: str, *parameters: Any) -> int:
    """Change rows; gives how many."""
    return int(execute(sql, *parameters).rowcount)


class Insert:
    """A new row of one table, all of whose columns are given."""

    def __init__(self, model: type[Model]) -> None:
        fields = model._meta.concrete_fields  # noqa: SLF001 - Django's documented Model._meta
        self._model: Final = model
        self._fields: Final = [(field, field.attname) for field in fields]
        self._names: Final = [field.attname for field in fields]
        columns, places = ", ".join(str(field.column) for field in fields), ", ".join(["%s"] * len(fields))
        self._sql: Final = f"INSERT INTO {table(model)} ({columns}) VALUES ({places})"  # noqa: S608 - constants

    def made(self, **values: Any) -> Model:
        """Write a row, and give it; `values` are by the model's attributes. Raises DatabaseError."""
        there = database()
        written = [
            value
            if (value := values[name]) is None or type(value) in _AS_IT_IS
            else _prepared(field, value, there)
            for field, name in self._fields
        ]
        execute(self._sql, *written)
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, [values[name] for name in self._names])


class Joined:
    """A query for one row of several tables: `parts` are their aliases, models, and the fields that are needed.

    `also` are expressions, whose values are given as the database returns them.

    The primary key is one of them. A field that is not named is fetched by Django if
    somebody asks for it after all.
    """

    def __init__(
        self, tail: str, also: Sequence[str] = (), **parts: tuple[type[Model], Sequence[str]]
    ) -> None:
        # Django makes a model out of values in the order of its fields.
        self._parts: Final[dict[str, tuple[type[Model], tuple[str, ...]]]] = {
            alias: (model, tuple(sorted(names, key=partial(_place, model))))
            for alias, (model, names) in parts.items()
        }
        columns = [
            f"{alias}.{_field(model, name).column}"
            for alias, (model, names) in self._parts.items()
            for name in names
        ]
        self._sql: Final = f"SELECT {', '.join([*columns, *also])} {tail}"

    def first(self, *parameters: Any, hold: bool = False) -> tuple[Any, ...] | None:
        """Give the first row as models, in the order of the parts, and what is asked for also.

        None is in place of a model that there is not. `hold`: nobody else changes it before the transaction ends.

        None if there is no row at all. Raises DatabaseError.
        """
        row = execute(f"{self._sql} {for_update()}" if hold else self._sql, *parameters).fetchone()
        if row is None:
            return None
        found: list[Any] = []
        begin = 0
        for part in self._made_of:
            values = list(row[begin : begin + len(part.names)])
            found.append(None if values[part.key] is None else part.made(values))
            begin += len(values)
        return (*found, *row[begin:])

    @cached_property
    def _made_of(self) -> tuple[_Part, ...]:
        """Look this up once, and not before there is a database to ask for its conversions."""
        return tuple(
            _Part(
                model,
                [_field(model, name).attname for name in names],
                next(place for place, name in enumerate(names) if _field(model, name).primary_key),
                converters(tuple((alias, model, name) for name in names)),
            )
            for alias, (model, names) in self._parts.items()
        )


@cache
def converters(columns: tuple[tuple[str, type[Model], str], ...]) -> tuple[tuple[int, Converter], ...]:
    """Give Django's own conversions from what this database returns, by the column's place.

    A column is the alias of its table, its model, and the field's name.
    """
    # Of what refers to another row, as that row has it.
    made = [_field(model, name).get_col(alias) for alias, model, name in columns]
    return tuple(
        (index, _bound(converter, column))
        for index, column in enumerate(made)
        for converter in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    )


@cache
def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    return cast("Field[Any, Any]", model._meta.get_field(name))  # noqa: SLF001 - as above


def _place(model: type[Model], name: str) -> int:
    return model._meta.concrete_fields.index(_field(model, name))  # noqa: SLF001 - as above


def _bound(converter: Any, column: Any) -> Converter:
    return lambda value: converter(value, column, connection)
