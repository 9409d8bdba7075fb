"""Makes identity ready to serve: tables, signing key. Idempotent, and safe when several do it at once."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillion.identity import postgresql, setup
from pillion.identity.config import Config

# Nobody's migration is in an unfinished state for longer; a second who prepares waits so long for the first.
_PATIENCE_MS = 10 * 60 * 1000


class UnusableDatabaseError(Exception):
    """The database cannot be reached, or refuses; the message is its own, in one line, and holds no password."""


@dataclass(frozen=True)
class Prepared:
    """What was made ready: the public keys (JWKS), and the migrations that had not been applied before."""

    jwks: dict[str, Any]
    applied: tuple[str, ...]


def prepare(config: Config, *, signing: bool = True) -> Prepared:
    """Migrate, make the first signing key, and forget long-dead sessions.

    Without `signing` no key is made, and none has to be usable. Raises MasterKeyError; UnusableDatabaseError; or
    OSError when the state folder cannot be written.
    """
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    setup(config)
    from django.utils import timezone  # noqa: PLC0415 - needs the settings

    from pillion.identity import keys, rotation, sessions  # noqa: PLC0415
    from pillion.identity.session_store import SessionStore  # noqa: PLC0415

    # Django's migrations are not made for two at once: the second waits here, and finds nothing to do.
    with database_errors(), _alone(config):
        applied = migrate("default")
        if signing:
            rotation.ensure_signing_key()
        SessionStore.clear_expired()
        sessions.forget_revocations(timezone.now())
        return Prepared(keys.jwks(), applied)


def migrate(alias: str) -> tuple[str, ...]:
    """Bring the tables of a database up to date; names the migrations that were applied."""
    from django.core.management import call_command  # noqa: PLC0415 - needs the settings
    from django.db import connections  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    connection = connections[alias]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # a large table takes what it takes
            cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    call_command("migrate", database=alias, verbosity=0, interactive=False)
    call_command("createcachetable", database=alias, verbosity=0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout; RESET lock_timeout")
    return tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan)


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Keep all others from preparing the same database, on whatever machine they are."""
    if config.database == "sqlite":
        with (config.state / "identity.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _keep_a_log(config.database_file)
            yield
        return
    with alone_in(config.database):
        yield


def _keep_a_log(file: Path) -> None:
    """Let others read while one writes (WAL), which the file remembers; raises UnusableDatabaseError.

    Only here: of two that change it at the same time SQLite tells one at once that the database is locked.
    """
    try:
        with closing(sqlite3.connect(file, timeout=10)) as database:
            database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise UnusableDatabaseError(one_line(error)) from None


@contextmanager
def alone_in(url: str) -> Iterator[None]:
    """Keep all others from preparing the PostgreSQL at `url`; raises UnusableDatabaseError."""
    import psycopg  # noqa: PLC0415 - a laptop does without

    from pillion.identity import locks  # noqa: PLC0415 - needs the settings

    try:
        with psycopg.connect(**postgresql.parameters(url)) as held:
            held.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
            held.execute(f"SET lock_timeout = {_PATIENCE_MS}")
            held.execute("SELECT pg_advisory_xact_lock(%s)", (locks.number_of(locks.PREPARATION),))
            yield
    except psycopg.Error as error:
        raise UnusableDatabaseError(one_line(error)) from None


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what Django says of the database into UnusableDatabaseError."""
    from django.db import Error  # noqa: PLC0415 - Django only where it is needed

    try:
        yield
    except Error as error:
        raise UnusableDatabaseError(one_line(error)) from None


def one_line(error: Exception) -> str:
    """Give what a database says in one line: libpq uses several for several addresses of a host."""
    lines = (line.strip() for line in str(error).splitlines())
    return "the database cannot be used: " + "; ".join(line for line in lines if line)
