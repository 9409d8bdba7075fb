"""The tables of identity."""

from pillion.identity.models.api_key import ApiKey
from pillion.identity.models.change import Change
from pillion.identity.models.control_report import ControlReport
from pillion.identity.models.oauth_client import OAuthClient
from pillion.identity.models.oauth_code import OAuthCode
from pillion.identity.models.oauth_consent import OAuthConsent
from pillion.identity.models.oauth_device_code import OAuthDeviceCode
from pillion.identity.models.oauth_grant import OAuthGrant
from pillion.identity.models.queued_mail import QueuedMail
from pillion.identity.models.revocation import Revocation
from pillion.identity.models.session import Session
from pillion.identity.models.signing_key import SigningKey
from pillion.identity.models.tries import Tries
from pillion.identity.models.user import User

__all__ = [
    "ApiKey",
    "Change",
    "ControlReport",
    "OAuthClient",
    "OAuthCode",
    "OAuthConsent",
    "OAuthDeviceCode",
    "OAuthGrant",
    "QueuedMail",
    "Revocation",
    "Session",
    "SigningKey",
    "Tries",
    "User",
]
