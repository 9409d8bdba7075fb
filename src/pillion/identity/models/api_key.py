"""An API key: what a program of somebody's own shows at the edge, in place of a token."""

from django.db import models

from pillion.identity.models.session import Session


class ApiKey(models.Model):
    """What an owner knows a key by. All else is said by its session, which begins and ends with it.

    The key itself is shown once; the session has its hash. `hint` is its beginning, by which it is found again
    where somebody has written it down.
    """

    session = models.OneToOneField(
        Session, primary_key=True, on_delete=models.CASCADE, related_name="api_key"
    )
    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=16)

    class Meta:
        """What it is called in the admin."""

        verbose_name = "API key"

    def __str__(self) -> str:
        return f"API key {self.hint}… ({self.name})"
