"""Django's PostgreSQL, whose connections go to whoever comes next when a request is answered.

Not psycopg's own pool: that connects in threads of its own, so that while the database is away each request waits
for its time-out and is told nothing of why. Here whoever needs a connection makes it, and knows at once.
See docs/decisions/0019-serving-on-postgresql.md.
"""

import select
import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from pillion.identity.postgresql import MOST_CONNECTIONS

# The edge waits two seconds for identity.
PATIENCE_SECONDS: Final = 1.5

Connection = psycopg.Connection[Any]


class Pool:
    """At most `size` connections, of which those that nobody uses are kept; safe for threads."""

    def __init__(self, size: int) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []  # append and pop are atomic; the last one is taken first

    def take(self, connect: Callable[[], Connection]) -> Connection:
        """Give a connection that is not known to be broken, or make one; raises psycopg.OperationalError."""
        if not self._free.acquire(timeout=PATIENCE_SECONDS):
            raise psycopg.OperationalError("all connections are in use")
        try:
            while self._idle:
                try:
                    kept = self._idle.pop()
                except IndexError:  # another was quicker
                    break
                if _is_quiet(kept):
                    return kept
                kept.close()
            return connect()
        except BaseException:
            self._free.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next, unless it is broken or in the middle of something."""
        try:
            if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                connection.close()
        finally:
            self._free.release()


_pool: Final = Pool(MOST_CONNECTIONS)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with the two places changed where a connection is made and closed."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Take one of the pool."""
        make = super().get_new_connection
        return _pool.take(lambda: make(conn_params))

    def _close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            _pool.give_back(connection)


def _is_quiet(connection: Connection) -> bool:
    """Say whether nothing has come that nobody asked for: above all, the end. It costs a microsecond."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
