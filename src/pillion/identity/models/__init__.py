"""The tables of identity."""

from pillion.identity.models.api_key import ApiKey
from pillion.identity.models.control_report import ControlReport
from pillion.identity.models.queued_mail import QueuedMail
from pillion.identity.models.revocation import Revocation
from pillion.identity.models.session import Session
from pillion.identity.models.signing_key import SigningKey
from pillion.identity.models.user import User

__all__ = ["ApiKey", "ControlReport", "QueuedMail", "Revocation", "Session", "SigningKey", "User"]
