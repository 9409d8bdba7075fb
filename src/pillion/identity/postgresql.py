"""Django's settings for a PostgreSQL that a URL names: a pool of connections, and what a session there promises.

See docs/decisions/0019-serving-on-postgresql.md.
"""

from typing import Any, Final

# The server has 64 threads, and PostgreSQL by default 100 connections for all processes of all machines. A renewal
# holds one for a millisecond.
MOST_CONNECTIONS: Final = 16
# Unless the URL says otherwise; that the other machine is gone is noticed within some ten seconds.
_LIBPQ: Final[dict[str, Any]] = {
    "application_name": "pillion identity",
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# What the code relies on, whatever the database or the role has as its default. In milliseconds.
_SESSION: Final = {
    "default_transaction_isolation": r"read\ committed",
    "synchronous_commit": "on",  # what was acknowledged is on the disk
    "lock_timeout": "5000",  # as long as SQLite waits
    "statement_timeout": "10000",
    "idle_in_transaction_session_timeout": "30000",  # nobody's locks outlive a machine that froze
}


class UrlError(ValueError):
    """The URL names no database; the message says what is wrong, and never quotes it."""


def parameters(url: str) -> dict[str, Any]:
    """Take a URL (postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTION=…) apart as libpq does; raises UrlError."""
    parts = given(url)
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    return {**_LIBPQ, **parts, "options": f"{options} {parts.get('options', '')}".strip()}


def given(url: str) -> dict[str, Any]:
    """Give what the URL itself says, by libpq's names; raises UrlError."""
    import psycopg  # noqa: PLC0415 - a laptop does without
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        # Without PGPASSWORD and its like: libpq takes those by itself, and here they would look like the URL's.
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:  # it quotes what it cannot read, which may be the password
        raise UrlError(
            "libpq cannot read it: write postgresql://USER:PASSWORD@HOST/NAME, and in USER and PASSWORD "
            "%40 for @, %3A for :, %2F for /, %25 for %; after a ? only what libpq knows, such as sslmode"
        ) from None
    if not parts.get("dbname") and not parts.get("service"):
        raise UrlError("it names no database: write postgresql://USER:PASSWORD@HOST/NAME")
    if any("\0" in value for value in parts.values()):
        raise UrlError("it holds a NUL")
    return parts


def named(url: str) -> str:
    """Name the database for people, without its password."""
    parts = given(url)
    user, host = parts.get("user"), parts.get("host", "localhost")
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{f'{user}@' if user else ''}{host}{port}/{parts.get('dbname', '')}"


def postgresql(url: str) -> dict[str, Any]:
    """Give Django's settings; raises UrlError."""
    parts = parameters(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    known = {name: str(parts.pop(part, "")) for name, part in names.items()}
    return {
        "ENGINE": "pillion.identity.pooled",
        **known,
        "OPTIONS": parts,
        "CONN_MAX_AGE": 0,  # back to the pool when the request is answered
    }
