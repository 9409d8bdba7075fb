"""Secrets in a topology that is rendered for pods: they stay the variables that the user wrote.

Manifests are read by many, so no secret is put into them, and none is needed to make them: `pillion.environment`
puts the values in where identity and control start. A default is for a laptop; in pods a secret has to be given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from pillion.environment import references, replace, without_defaults
from pillion.topology.finding import Finding, KeyPath
from pillion.topology.variables import fill
from pillion.topology.words import parse_database

_DATABASE: Final = ("identity", "database")
_MAIL: Final = ("identity", "mail", "smtp")
_ANY: Final = "*"
# Where they stand, or URLs with a secret in them.
PATHS: Final[tuple[KeyPath, ...]] = (
    _DATABASE,
    _MAIL,
    ("identity", "users", "secret"),
    ("identity", "providers", _ANY, "client_secret"),
)

_PASSWORD_PARAMETER: Final = re.compile(r"[?&](?:ssl)?password=(?!\$\{)", re.IGNORECASE)
# What ends user and password; not an @ inside a variable's default.
_AT: Final = re.compile(r"@(?![^{}]*\})")


@dataclass(frozen=True)
class Left:
    """A secret as it stays, and what is wrong with how it is written."""

    value: str | SecretStr
    mistakes: tuple[Finding, ...] = ()


def is_one(path: KeyPath) -> bool:
    """Tell whether a secret stands at this path."""
    return any(
        len(path) == len(known) and all(part in {_ANY, here} for part, here in zip(known, path, strict=True))
        for known in PATHS
    )


def leave(path: KeyPath, written: str, environ: Mapping[str, str]) -> Left:
    """Keep its variables as they are, without their defaults; only the server that sends mail is filled in."""
    unsound = [
        Finding(path, code, said) for code, said in fill(written, environ).mistakes if code == "bad-variable"
    ]
    if unsound:
        return Left("", tuple(unsound))
    if path == _DATABASE:
        return _database(path, written)
    if path == _MAIL:
        return _mail(path, written, environ)
    return (
        Left(SecretStr(without_defaults(written))) if any(references(written)) else _in_clear(path, "${NAME}")
    )


def shows_password(url: str) -> bool:
    """Tell whether a password stands in a URL, and not a variable in its place."""
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    return bool((password and "${" not in password) or _PASSWORD_PARAMETER.search(url))


def _database(path: KeyPath, written: str) -> Left:
    if written == "sqlite":
        return Left(written)
    if shows_password(written):
        return _in_clear(path, "postgresql://USER:${DB_PASSWORD}@HOST/NAME")
    left = without_defaults(written)
    if not (
        _is_variable(left) or _is_database(replace(left, lambda _: "1"))
    ):  # a 1 may stand in for any part
        return Left(written)  # what is wrong with it is said as on a laptop
    return Left(SecretStr(left))


def _mail(path: KeyPath, written: str, environ: Mapping[str, str]) -> Left:
    found = [*_AT.finditer(written)]
    begin = found[-1].start() if found else 0
    who, server = without_defaults(written[:begin]), fill(written[begin:], environ)
    password = who.partition("://")[2].partition(":")[2]
    if _is_variable(written) or "@" in server.text[1:] or (password and not any(references(password))):
        return _in_clear(path, "smtp://USER:${SMTP_PASSWORD}@HOST")
    return Left(who + server.text, tuple(Finding(path, code, said) for code, said in server.mistakes))


def _in_clear(path: KeyPath, right: str) -> Left:
    message = "this secret would stand in the manifests, which many can read"
    return Left("", (Finding(path, "secret-in-pods", message, f"write {right}"),))


def _is_variable(text: str) -> bool:
    return [found.written for found in references(text)] == [text]


def _is_database(text: str) -> bool:
    try:
        parse_database(text)
    except PydanticCustomError:
        return False
    return True
