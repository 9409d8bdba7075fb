"""An OAuth client: a program that people sign in to through us, or that has an identity of its own."""

import hmac

from django.db import models

from pillion.identity.oauth import hashes, redirect_uri, scopes


class OAuthClient(models.Model):
    """A registered program (RFC 6749, section 2); the methods are those that Authlib asks a client for.

    `secret_hash` is the secret's SHA-256, empty for a public client, which can keep none (RFC 6749, section 2.1).
    People are not asked for their consent for a `first_party` one. `roles` are its own, where it acts for itself.
    """

    client_id = models.CharField(max_length=200, primary_key=True)
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64, blank=True, editable=False)
    first_party = models.BooleanField(default=False)
    grant_types = models.JSONField(default=list)
    redirect_uris = models.JSONField(default=list)
    scopes = models.JSONField(default=list)
    audiences = models.JSONField(default=list)
    roles = models.JSONField(default=list)
    post_logout_redirect_uris = models.JSONField(default=list)
    backchannel_logout_uri = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        """What it is called in the admin."""

        verbose_name = "client"

    def __str__(self) -> str:
        return f"client {self.client_id} ({self.name})"

    @property
    def public(self) -> bool:
        """Whether it has no secret."""
        return not self.secret_hash

    @property
    def client_metadata(self) -> dict[str, list[str]]:
        """Give what Authlib's logout endpoint looks up."""
        return {"post_logout_redirect_uris": list(self.post_logout_redirect_uris)}

    def get_client_id(self) -> str:
        """Give the id."""
        return str(self.client_id)

    def get_default_redirect_uri(self) -> str | None:
        """Give the only redirect URI, for a request that names none (RFC 6749, section 3.1.2.3)."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    def check_redirect_uri(self, wanted: str) -> bool:
        """Tell whether answers may be sent there."""
        return redirect_uri.is_registered(wanted, self.redirect_uris)

    def check_client_secret(self, secret: str) -> bool:
        """Compare in a time that tells nothing."""
        return bool(self.secret_hash) and hmac.compare_digest(self.secret_hash, hashes.of(secret))

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Tell whether the client authenticates like that: with its secret, if it has one."""
        return (method == "none") == self.public

    def check_response_type(self, response_type: str) -> bool:
        """Tell whether the client may ask for that at the authorization endpoint."""
        return response_type == "code" and "authorization_code" in self.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether the client may use that grant."""
        return grant_type in self.grant_types

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Give what may be granted of the scope that is asked for; None if nothing of it may."""
        return scopes.allowed(scope, self.scopes)
