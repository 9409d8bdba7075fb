"""A consent: what a user has allowed a client before, so that they are not asked each time."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from pillion.identity.models.oauth_client import OAuthClient


class OAuthConsent(models.Model):
    """One row for each user and client: the scopes and audiences that were allowed, together."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="consents")
    scopes = models.JSONField(default=list)
    audiences = models.JSONField(default=list)

    class Meta:
        """One for each pair."""

        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "client"], name="one_consent_for_a_client"),
        ]

    def __str__(self) -> str:
        return f"consent to {self.client_id}"
