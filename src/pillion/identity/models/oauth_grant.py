"""An OAuth grant: what a client was allowed, the session that its tokens name, and its refresh token."""

from typing import Any, ClassVar

from django.db import models

from pillion.identity.models.oauth_client import OAuthClient
from pillion.identity.models.session import Session


class OAuthGrant(models.Model):
    """One row for each session that a client holds tokens of.

    A grant ends with its session, and with `parent`, the browser's session that it came from; none for a client
    that may act while nobody is there (`offline_access`), or that acts for itself. `sub` is whom tokens speak of.

    A refresh token is `SELECTOR.SECRET`. The selector stays the same for the whole family, the secret changes with
    each use; both are kept as SHA-256. So who knows the selector, but not the latest secret, replays a token.

    `tell_at` is when the client's back channel is to be told next that the session has ended; None: it needs not.
    """

    session = models.OneToOneField(Session, primary_key=True, on_delete=models.CASCADE, related_name="grant")
    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="grants")
    parent = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL, related_name="granted")
    sub = models.CharField(max_length=200)
    scope = models.TextField()
    audiences = models.JSONField(default=list)
    selector_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 - unique
    secret_hash = models.CharField(max_length=64, blank=True, editable=False)
    tell_at = models.DateTimeField(null=True)
    told_times = models.PositiveSmallIntegerField(default=0)

    class Meta:
        """What it is called in the admin, and how those are found whose client is to be told."""

        verbose_name = "grant"
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["tell_at"], condition=models.Q(tell_at__isnull=False), name="oauth_grant_to_tell"
            ),
        ]

    def __str__(self) -> str:
        return f"grant of {self.client_id}, session {self.session_id}"

    def check_client(self, client: OAuthClient) -> bool:
        """Tell whether that client holds it."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Give what was granted."""
        return str(self.scope)
