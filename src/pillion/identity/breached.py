"""Passwords that others know: looked up in a list on this machine. Nothing is sent anywhere.

The list is that of haveibeenpwned.com, as its downloader writes it: one file of SHA-1 hashes, sorted, or a folder
with a file for each first five digits, which holds the other thirty-five. NIST SP 800-63B-4, section 3.1.1.2, asks
for such a check.
"""

import hashlib
import logging
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.core.exceptions import ValidationError

_DIGITS: Final = 40
_PREFIX: Final = 5
# No line is longer: a hash, a colon, a count, a line end.
_LONGEST_LINE: Final = 100

_log = logging.getLogger("pillion.identity")


class BreachedPasswordValidator:
    """Refuses what stands in the list of `identity.breached_passwords`, where there is one."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002 - Django's protocol
        """Raise ValidationError if the password is in the list, or the list cannot be read."""
        where = settings.PILLION.breached_passwords
        if where is None:
            return
        try:
            found = is_breached(password, where)
        except OSError as error:
            _log.error("the list of breached passwords cannot be read: %s", error.strerror)
            raise ValidationError(
                "No password can be taken just now. Try again later.", code="password_not_checked"
            ) from None
        if found:
            raise ValidationError(
                "This password is known to others: it stands in a list of stolen ones. Choose another.",
                code="password_breached",
            )

    def get_help_text(self) -> str:
        """Say what is asked for."""
        return "Not a password that is known from a data breach."


def is_breached(password: str, where: Path) -> bool:
    """Tell whether the list, a file or a folder, holds the password; raises OSError."""
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    if not where.is_dir():
        with where.open("rb") as file:
            return _in_sorted(file, digest)
    name = digest[:_PREFIX].decode()
    for path in (where / name, where / f"{name}.txt"):
        try:
            with path.open("rb") as file:
                return any(_counts(line, digest[_PREFIX:]) for line in file)
        except FileNotFoundError:
            continue
    return False


def _in_sorted(file: BinaryIO, digest: bytes) -> bool:
    """Search by halves, at places in the file: it may hold a thousand million lines."""
    low, high = 0, file.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        start = _line_from(file, middle)
        line = file.readline(_LONGEST_LINE)
        if not line or line[:_DIGITS].upper() >= digest:
            high = middle
        else:
            low = start + len(line)
    _line_from(file, low)
    return _counts(file.readline(_LONGEST_LINE), digest)


def _line_from(file: BinaryIO, place: int) -> int:
    """Go to the first line that begins at `place` or after it; gives where that is."""
    if place == 0:
        return file.seek(0)
    file.seek(place - 1)
    file.readline(_LONGEST_LINE)
    return file.tell()


def _counts(line: bytes, digits: bytes) -> bool:
    found, _, count = line.strip().partition(b":")
    # A count of nought is padding, which the service adds so that the length of its answer tells nothing.
    return found.upper() == digits and count != b"0"
