"""An email address in the one form in which it is stored and looked up."""

import unicodedata
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

LONGEST: Final = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets


class EmailAddressError(ValueError):
    """The text is no email address; the message says so without repeating it."""


def normal(text: str) -> str:
    """Fold `text` to NFKC and lower case, without space around it; it need not be an address."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def parse(text: str) -> str:
    """Give the normal form of an address; raises EmailAddressError if it is none or too long."""
    email = normal(text)
    try:
        validate_email(email)
    except ValidationError:
        email = ""
    if not email or len(email) > LONGEST:
        raise EmailAddressError("this is not an email address, such as ada@example.org")
    return email
