"""The database that this run is on."""

from django.db import connection

from tests.identity.databases import ON_POSTGRESQL


def test_these_tests_run_on_the_database_that_was_asked_for() -> None:
    assert connection.vendor == ("postgresql" if ON_POSTGRESQL else "sqlite")
