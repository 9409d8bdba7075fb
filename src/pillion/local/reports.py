"""What identity's database says of keys and Envoys: control notes there what each has acknowledged."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final, LiteralString

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from pillion.control import config
from pillion.local.folder import StateFolder

# SQLite's file, or PostgreSQL's URL.
Where = Path | SecretStr

# Control writes every second (`pillion.control.serve`).
SILENT_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 1.0
_CONNECT_SECONDS: Final = 2
_KEYS: Final[LiteralString] = (
    "SELECT kid FROM identity_signingkey WHERE state <> 'gone' ORDER BY created_at, kid"
)
_REPORTS: Final[LiteralString] = "SELECT seen_at, document FROM identity_controlreport"


class Told(BaseModel):
    """One Envoy, as control sees it. Times are in seconds since the epoch.

    `connected` is false when it is not, or when control is not heard of: the rest is then what it was last.
    `revocation` is the number of the latest revocation that it has acknowledged, and `refused` what it did not
    take, in its own words, by the resource's name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    connected: bool = True
    since: float | None = None
    keys: tuple[str, ...] = ()
    revocation: int = 0
    acknowledged_at: float | None = None
    refused: dict[str, str] = Field(default_factory=dict)


class Trusted(BaseModel):
    """Another issuer, as control sees it: the ids of its keys, when they were fetched, and why not again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    keys: tuple[str | None, ...] = ()
    fetched_at: float | None = None
    error: str | None = None


class Report(BaseModel):
    """What a control has noted."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    envoys: tuple[Told, ...] = ()
    trust: tuple[Trusted, ...] = ()


def where(folder: StateFolder) -> Where:
    """Say where the database is, as control was told: the topology may name variables that are not set here."""
    try:
        return config.read(folder.control_config).database
    except config.ConfigError:  # nothing was ever started
        return folder.identity_database


def read(database: Where) -> Report:
    """Give what control has noted; empty when it has noted nothing, or cannot be asked."""
    envoys: dict[str, Told] = {}
    trust: dict[str, Trusted] = {}
    for seen_at, text in _rows(database, _REPORTS):
        alive = seen_at > time.time() - SILENT_SECONDS
        try:  # PostgreSQL's is parsed already
            report = (
                Report.model_validate_json(text) if isinstance(text, str) else Report.model_validate(text)
            )
        except ValidationError:
            continue
        envoys |= {envoy.name: envoy.model_copy(update={"connected": alive}) for envoy in report.envoys}
        trust |= {issuer.name: issuer for issuer in report.trust}
    return Report(envoys=tuple(envoys.values()), trust=tuple(trust.values()))


def keys(database: Where) -> tuple[str, ...]:
    """Give the ids of the keys that tokens may be signed with; empty when it cannot be asked."""
    return tuple(kid for (kid,) in _rows(database, _KEYS))


def _rows(database: Where, query: LiteralString) -> list[tuple[Any, ...]]:
    if isinstance(database, SecretStr):
        return _rows_of_postgresql(database.get_secret_value(), query)
    try:
        with closing(
            sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as opened:
            return opened.execute(query).fetchall()
    except sqlite3.Error:
        return []


def _rows_of_postgresql(url: str, query: LiteralString) -> list[tuple[Any, ...]]:
    import psycopg  # noqa: PLC0415 - a laptop does without

    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS, autocommit=True) as opened:
            opened.execute(f"SET statement_timeout = {int(_BUSY_SECONDS * 1000)}")
            return opened.execute(query).fetchall()
    except psycopg.Error:
        return []
