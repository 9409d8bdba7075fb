"""The databases of these tests: SQLite, or PostgreSQL if PILLION_TEST_DATABASE says so (`make test` does both)."""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from typing import Final

import pytest

from tests import postgres
from tests.postgres import Postgres

ON_POSTGRESQL: Final = os.environ.get("PILLION_TEST_DATABASE", "sqlite") == "postgresql"

only_on_postgresql = pytest.mark.skipif(
    not ON_POSTGRESQL, reason="about PostgreSQL alone: see `make test-postgresql`"
)
only_on_sqlite = pytest.mark.skipif(ON_POSTGRESQL, reason="this is SQLite's own")


@cache
def server() -> Postgres:
    """Give this process's PostgreSQL, which ends with it. Nothing in these tests asks what a power cut leaves."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(postgres.running("-c", "fsync=off"))


def fresh() -> str:
    """Name an empty database, as identity's configuration has it; SQLite's lies in the state folder."""
    return server().new_database() if ON_POSTGRESQL else "sqlite"


def somebody_waits(url: str) -> bool:
    """Say whether a session on that PostgreSQL waits for another's lock."""
    with postgres.connected(url) as database:
        query = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return database.execute(query).fetchone() is not None
