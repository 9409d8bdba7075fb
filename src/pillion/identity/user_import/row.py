"""What a row says of an account, once nothing is wrong with it. No message repeats a value but the address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion.identity import email_address, imported_hashes, passwords
from pillion.identity.accounts import MOST_ROLE_CHARACTERS
from pillion.vocabulary import OWN_ROLES, ROLE

_BETWEEN_ROLES: Final = re.compile(r"[\s,;]+")
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class RowError(ValueError):
    """A row cannot be imported; the message says why. `email` is its address, if it has one."""

    def __init__(self, message: str, email: str = "") -> None:
        super().__init__(message)
        self.email = email


@dataclass(frozen=True)
class Row:
    """An account to be; None where the row does not say."""

    email: str
    password_hash: str | None
    password: str | None
    roles: list[str] | None
    verified: bool | None
    active: bool | None


def read(values: Mapping[str, Any]) -> Row:
    """Read a row's values; raises RowError with everything that is wrong."""
    wrong: list[str] = []

    def said(name: str, parse: Any) -> Any:
        value = values.get(name)
        if value is None or (value == "" and name != "roles"):
            return None
        try:
            return parse(value)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            return None

    email = said("email", _email)
    if values.get("email") in (None, ""):
        wrong.append("email: there is none")
    row = Row(
        email=email or "",
        password_hash=said("password_hash", _hash),
        password=said("password", _password),
        roles=said("roles", _roles),
        verified=said("verified", _truth),
        active=said("active", _truth),
    )
    if values.get("password") and values.get("password_hash"):
        wrong.append("password and password_hash: one of them")
    if wrong:
        raise RowError("; ".join(wrong), row.email)
    return row


def _email(value: Any) -> str:
    return email_address.parse(_text(value))


def _hash(value: Any) -> str:
    return imported_hashes.stored(_text(value).strip() if isinstance(value, str) else value)


def _password(value: Any) -> str:
    """Take any password that can be typed at a sign-in: what a person has elsewhere, they may keep."""
    password = _text(value)
    if len(password) > passwords.LONGEST:
        raise ValueError(f"is longer than {passwords.LONGEST} characters")
    return password


def _roles(value: Any) -> list[str]:
    names = value if isinstance(value, list) else _BETWEEN_ROLES.split(_text(value).strip())
    roles = sorted({_text(name) for name in names} - {""})
    if not all(map(ROLE.fullmatch, roles)):
        raise ValueError("holds what is no role: use 1 to 64 of a-z, 0-9, '.', '_', ':' and '-' for each")
    if any(role.startswith(OWN_ROLES) for role in roles):
        raise ValueError(f"holds a role of Pillion's own ({OWN_ROLES}…): 'pillion user roles' gives those")
    if sum(map(len, roles)) > MOST_ROLE_CHARACTERS:
        raise ValueError(f"are too many: {MOST_ROLE_CHARACTERS} characters in all fit")
    return roles


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    truth = _TRUTHS.get(_text(value).strip().lower())
    if truth is None:
        raise ValueError("is neither true nor false")
    return truth


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a text")  # noqa: TRY004 - wrong in the file, not in the program
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    if "\0" in value:
        raise ValueError("holds a NUL")
    return value
