"""The tables of identity."""

from pillion.identity.models.session import Session
from pillion.identity.models.signing_key import SigningKey
from pillion.identity.models.user import User

__all__ = ["Session", "SigningKey", "User"]
