"""A session: what a signed-in browser holds, as identity knows it."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models


class Session(models.Model):
    """One row per sign-in.

    `sid` is public: tokens carry it. The cookie's value is secret and is not here: `key_hash` is its SHA-256,
    so that a copy of the table lets nobody in. A session is alive before `expires_at` (absolute: 14 days
    after the sign-in, see `lifetimes`), unless it was unused for 24 hours or has `revoked_at`. Rows outlive
    their revocation, for those who must be told of it, and their user (who is null then).

    `scope` is what its tokens are for (RFC 6749, section 3.3); empty: for what a person may do in a browser.

    No token of the session expires later than `tokens_until`, in seconds since the epoch: so it is known for
    how long a revocation matters.
    """

    sid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    # The index of the user and the address serves what asks for the user alone; each sign-in would write another.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="sessions",
        db_index=False,
    )
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    last_used_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    tokens_until = models.BigIntegerField(default=0, db_index=True)
    auth_time = models.DateTimeField(null=True)
    amr = models.JSONField(default=list)
    client_id = models.CharField(max_length=200)
    scope = models.CharField(max_length=1000, blank=True, db_default="")
    user_agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)

    class Meta:
        """How control finds what was revoked lately, whose sessions are alive, and the admin the latest ones."""

        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["revoked_at"], condition=models.Q(revoked_at__isnull=False), name="session_revoked"
            ),
            models.Index(fields=["user", "address"], name="session_of_user_at_address"),
            models.Index(fields=["created_at", "sid"], name="session_by_age"),
        ]

    def __str__(self) -> str:
        return f"session {self.sid}"
