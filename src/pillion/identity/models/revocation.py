"""A revocation: a session whose tokens are refused though they have not expired."""

from typing import Any, ClassVar

from django.db import models


class Revocation(models.Model):
    """One row for each revoked session that may still have a living token. Control reads this table.

    `id` is the revocation's number: it only grows, and an Envoy that has acknowledged one has all before it.
    `until` is when the session's last token is dead for everybody, in seconds since the epoch, like `exp`
    (RFC 7519, section 4.1.4); then the row may go.
    """

    id = models.BigAutoField(primary_key=True)
    sid = models.UUIDField(unique=True, editable=False)
    until = models.BigIntegerField(db_index=True)

    class Meta:
        """Oldest first."""

        ordering: ClassVar[list[Any]] = ["id"]

    def __str__(self) -> str:
        return f"revocation {self.id} of session {self.sid}"
