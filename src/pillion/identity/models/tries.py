"""What somebody has tried of late, of one kind: what limits are counted by."""

from django.db import models


class Tries(models.Model):
    """The times of the tries that may still count, for one limit of one caller.

    `name` is the SHA-256 of which limit it is and whose: no address or email stands here. `times` is a list in
    JSON, in seconds since the epoch, the latest first. At `until`, likewise, none of them counts any more, and
    the row may go. There is no index by it: each sign-in would write that, twice, so that all rows are looked
    through once a minute instead.
    """

    name = models.CharField(max_length=64, primary_key=True)
    times = models.TextField()
    until = models.FloatField()

    def __str__(self) -> str:
        return f"tries until {self.until}"
