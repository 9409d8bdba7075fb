"""Copies all that identity knows from its SQLite to an empty PostgreSQL: everything, or nothing.

One transaction there, so that a copy that is interrupted leaves the target as empty as it was; while it lasts,
nobody writes to the source. Call `pillion.identity.setup(config)` first.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.models import Field, Model

from pillion.identity import postgresql, prepare

SOURCE: Final = "default"
TARGET: Final = "copy"
_ROWS: Final = 2_000
# Filled by the migrations themselves; what the source has takes its place.
_FILLED: Final = ("auth_permission", "django_content_type")
_HISTORY: Final = "django_migrations"
_CACHE: Final = str(settings.CACHES["default"]["LOCATION"])
_CACHE_COLUMNS: Final = ("cache_key", "value", "expires")

# Told which table, how many rows of all are done, and how many there are.
Tell = Callable[[str, int, int], None]


class CopyError(Exception):
    """Nothing was copied; says why."""


@dataclass(frozen=True)
class Copied:
    """How many rows of a table were copied; they were counted on both sides."""

    table: str
    rows: int


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[Any, ...]]]
    sequence: str | None = None


def copy(url: str, tell: Tell) -> list[Copied]:
    """Copy everything to the PostgreSQL at `url`; raises CopyError, UnusableDatabaseError or UrlError."""
    if connections[SOURCE].vendor != "sqlite":  # what runs was started on another
        raise CopyError("what runs here is on a PostgreSQL already: stop it first, with 'pillion down'")
    there = postgresql.postgresql(url) | {
        "ENGINE": "django.db.backends.postgresql"
    }  # one connection, no pool
    databases = {**connections.settings, TARGET: there}
    connections.settings[TARGET] = connections.configure_settings(databases)[TARGET]
    with prepare.database_errors(), prepare.alone_in(url):
        try:
            _refuse_what_is_not_empty()  # before anything is made there
            prepare.migrate(TARGET)
            with transaction.atomic(using=SOURCE), transaction.atomic(using=TARGET):
                return _copy(tell)
        finally:
            connections[TARGET].close()


def _copy(tell: Tell) -> list[Copied]:
    tables = _tables()
    with connections[TARGET].cursor() as target:
        target.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        target.execute(
            f"LOCK TABLE {', '.join(map(_quoted, sorted(t.name for t in tables)))} IN EXCLUSIVE MODE"
        )
        _refuse_what_is_not_empty()  # now that nobody else can write
        for name in _FILLED:
            target.execute(f"DELETE FROM {_quoted(name)}")  # noqa: S608 - a constant
    counts = {table.name: _count(SOURCE, table.name) for table in tables}
    total, done = sum(counts.values()), 0
    for table in tables:
        tell(table.name, done, total)
        for written in _write(table):
            tell(table.name, done + written, total)
        done += counts[table.name]
        if (there := _count(TARGET, table.name)) != counts[table.name]:
            raise CopyError(f"{table.name} has {counts[table.name]} rows, and {there} arrived")
        if table.sequence:
            _go_on_counting(table.name, table.sequence)
    return [Copied(name, rows) for name, rows in counts.items()]


def _refuse_what_is_not_empty() -> None:
    connection = connections[TARGET]
    there = set(connection.introspection.table_names())
    ours = {table.name for table in _tables()}
    if strange := sorted(there - ours - {_HISTORY}):
        raise CopyError(
            f"the target holds tables that are not Pillion's ({', '.join(strange[:3])}): "
            "give it a database of its own, such as one that 'createdb' makes"
        )
    for name in sorted(there & ours - set(_FILLED)):
        if _count(TARGET, name):
            raise CopyError(
                f"the target is not empty ({name} has rows): copy to an empty database, such as one that "
                "'createdb' makes; nothing there was touched"
            )


def _tables() -> list[_Table]:
    every = apps.get_models(include_auto_created=True)
    kept = [model for model in every if model._meta.managed and not model._meta.proxy]  # noqa: SLF001 - Django's documented Model._meta
    return [*map(_of_model, kept), _Table(_CACHE, _CACHE_COLUMNS, _cached)]


def _of_model(model: type[Model]) -> _Table:
    meta = model._meta  # noqa: SLF001 - as above
    fields: list[Field[Any, Any]] = list(meta.concrete_fields)
    counted = meta.auto_field

    def rows() -> Iterator[tuple[Any, ...]]:
        found = model._base_manager.using(SOURCE).order_by().values_list(*(field.attname for field in fields))  # noqa: SLF001
        target = connections[TARGET]
        for row in found.iterator(chunk_size=_ROWS):
            yield tuple(
                field.get_db_prep_save(value, connection=target)
                for field, value in zip(fields, row, strict=True)
            )

    columns = tuple(str(field.column) for field in fields)
    return _Table(str(meta.db_table), columns, rows, str(counted.column) if counted else None)


def _cached() -> Iterator[tuple[Any, ...]]:
    """Give the counts of tries: whoever has to wait goes on waiting."""
    with connections[SOURCE].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(_CACHE_COLUMNS)} FROM {_quoted(_CACHE)}")  # noqa: S608 - constants
        for key, value, expires in cursor:
            until = expires if isinstance(expires, datetime) else datetime.fromisoformat(expires)
            yield key, value, until.replace(tzinfo=UTC)


def _write(table: _Table) -> Iterator[int]:
    """Write all rows of a table; gives, from time to time, how many there are so far."""
    into = f"COPY {_quoted(table.name)} ({', '.join(map(_quoted, table.columns))}) FROM STDIN"
    row = 0
    try:
        with connections[TARGET].cursor() as cursor, cursor.copy(into) as target:
            for row, values in enumerate(table.rows(), 1):
                target.write_row(values)
                if row % _ROWS == 0:
                    yield row
    except psycopg.DataError as error:
        raise CopyError(f"PostgreSQL does not take what {table.name} holds{_where(error, row)}") from None


def _where(error: psycopg.DataError, row: int) -> str:
    """Say which row and column, and why; what stands there may be anybody's secret."""
    place = re.search(r"line (\d+)(?:, column (\w+))?", error.diag.context or "")
    line, column = place.groups() if place else (row, None)
    why = error.diag.message_primary or str(error)
    return f" in row {line}{f', column {column}' if column else ''}: {why}"


def _go_on_counting(table: str, column: str) -> None:
    """See to it that no number is given twice: Envoys remember the latest revocation."""
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        ((given,),) = cursor.fetchall()
    with connections[TARGET].cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), greatest(%s, 1), %s > 0)",
            [_quoted(table), column, given, given],
        )


def _count(alias: str, table: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {_quoted(table)}")  # noqa: S608 - one of our tables
        ((count,),) = cursor.fetchall()
    return int(count)


def _quoted(name: str) -> str:
    return str(connections[TARGET].ops.quote_name(name))
