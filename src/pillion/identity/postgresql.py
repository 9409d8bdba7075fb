"""Django's settings for a PostgreSQL that a URL names."""

from typing import Any


def postgresql(url: str) -> dict[str, Any]:
    """Take the URL (postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTION=…) apart as libpq does.

    Control follows such a database; that identity serves on one is not claimed yet: `pillion up` refuses it.
    """
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - a laptop does without

    parts = conninfo_to_dict(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    known = {name: str(parts.pop(part, "") or "") for name, part in names.items()}
    return {"ENGINE": "django.db.backends.postgresql", **known, "OPTIONS": dict(parts), "CONN_MAX_AGE": None}
