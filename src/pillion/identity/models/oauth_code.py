"""An authorization code: what a browser carries back to the client, good once and for a minute."""

from django.db import models

from pillion.identity.models.oauth_client import OAuthClient
from pillion.identity.models.session import Session


class OAuthCode(models.Model):
    """One row for each code (RFC 6749, section 4.1.2), known by its SHA-256.

    `parent` is the browser's session that allowed it, `sid` the session that came of it once it was used.
    `redirect_uri` is empty where the request named none.
    """

    code_hash = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(OAuthClient, on_delete=models.CASCADE, related_name="codes")
    parent = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="codes")
    redirect_uri = models.TextField(blank=True)
    scope = models.TextField()
    audiences = models.JSONField(default=list)
    nonce = models.TextField(blank=True)
    code_challenge = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)
    sid = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"code for {self.client_id}"

    @property
    def code_challenge_method(self) -> str:
        """Name the only method (RFC 7636, section 4.2)."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Give where it was sent."""
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        """Give what was granted."""
        return str(self.scope)
