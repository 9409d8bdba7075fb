"""A mail that waits to be sent."""

import uuid

from django.db import models


class QueuedMail(models.Model):
    """To whom and what is encrypted in `sealed` (see `mail.queue`). The row goes when the mail is handed in.

    Nobody takes a mail before `due_at`: who sends it moves that ahead first, and so does a failure. After
    `expires_at` it is given up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"mail {self.id}"
