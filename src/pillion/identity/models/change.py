"""A change that somebody made: the record that an auditor reads, and nobody edits."""

from typing import Any, ClassVar, Final

from django.db import models

LONGEST_NAME: Final = 300
LONGEST_ADDRESS: Final = 45


class Change(models.Model):
    """Who changed what, and how: written in the transaction of the change itself.

    The database refuses to change or delete a row. The triggers stand in the migration that made the table: who
    alters it on SQLite, where that makes it anew, has to make them again. So nothing here points to another
    table: names are kept as they were.

    `actor` is an address, or a name for what has none; `what` is a word of `pillion.identity.changes`; `whom` the
    account, client, key or session. `details` never hold a secret.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=LONGEST_NAME, db_index=True)
    actor_sub = models.UUIDField(null=True)
    address = models.CharField(max_length=LONGEST_ADDRESS, blank=True)
    what = models.CharField(max_length=60, db_index=True)
    whom = models.CharField(max_length=LONGEST_NAME, db_index=True)
    details = models.JSONField(default=dict)

    class Meta:
        """The latest first."""

        ordering: ClassVar[list[Any]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.what} {self.whom}"
