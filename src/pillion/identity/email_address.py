"""An email address in the one form in which it is stored and looked up."""

import re
import unicodedata
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

LONGEST: Final = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets

# What is longer is no address in any form, and to fold it takes time that grows with its square.
_LONGEST_WRITTEN: Final = 1024

# As HTML has it (a valid email address), in lower case. Quoted names, blanks and whatever a terminal, a header or
# a page may take for something else are no part of it: the address goes to services and operators as it is.
_ADDRESS: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9.-]+")


class EmailAddressError(ValueError):
    """The text is no email address; the message says so without repeating it."""


def normal(text: str) -> str:
    """Fold `text` to NFKC and lower case, without space around it; it need not be an address."""
    return unicodedata.normalize("NFKC", text[:_LONGEST_WRITTEN]).strip().lower()


def parse(text: str) -> str:
    """Give the normal form of an address; raises EmailAddressError if it is none or too long."""
    email = normal(text)
    try:
        validate_email(email)
    except ValidationError:
        email = ""
    if len(email) > LONGEST or not _ADDRESS.fullmatch(email):
        raise EmailAddressError("this is not an email address, such as ada@example.org")
    return email
