"""A device code: a program without a browser waits with it until somebody has allowed it elsewhere."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from pillion.identity.models.oauth_client import OAuthClient
from pillion.identity.models.session import Session


class OAuthDeviceCode(models.Model):
    """One row for each device that asks (RFC 8628, section 3.2); both codes are kept hashed.

    `approved` is None until somebody has decided; `parent` is the session of who allowed it.
    """

    device_hash = models.CharField(max_length=64, primary_key=True)
    user_code_hash = models.CharField(max_length=64, unique=True)
    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="device_codes")
    scope = models.TextField()
    audiences = models.JSONField(default=list)
    expires_at = models.DateTimeField(db_index=True)
    asked_at = models.DateTimeField(null=True)
    interval = models.PositiveIntegerField()
    approved = models.BooleanField(null=True)
    parent = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL, related_name="device_codes")

    def __str__(self) -> str:
        return f"device code for {self.client_id}"

    def get_client_id(self) -> str:
        """Give the client's id."""
        return str(self.client_id)

    def get_scope(self) -> str:
        """Give what was asked for."""
        return str(self.scope)

    def get_user_code(self) -> str:
        """Give what the person's answer is looked up by; here it stands in the same row."""
        return str(self.device_hash)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Tell whether it is too late."""
        return bool(self.expires_at <= (now or timezone.now()))
