"""A control report: which Envoys are connected to one control, and what each has acknowledged."""

from django.db import models


class ControlReport(models.Model):
    """Control writes its row at every change and every second, and takes it away when it is stopped.

    `seen_at` is in seconds since the epoch; the form of `document` is that of `pillion.control.report`.
    """

    instance = models.CharField(max_length=255, primary_key=True)
    seen_at = models.FloatField()
    document = models.JSONField()

    def __str__(self) -> str:
        return f"report of control {self.instance}"
