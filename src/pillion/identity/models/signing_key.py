"""A signing key: what makes tokens believable."""

from typing import Any, ClassVar

from django.db import models


class SigningKey(models.Model):
    """A key pair. The private half is encrypted (see `keys`); the public half is what the JWKS shows.

    `announced`: verifiers may know it, nothing is signed with it yet. `signing`: in use. `retired`: what it
    signed is believed until `verifies_until` (seconds since the epoch), nothing new is signed. `gone`: nothing
    of it is believed any more, and the private half is forgotten.
    """

    class State(models.TextChoices):
        """Where a key is in its life; it only ever moves forward."""

        ANNOUNCED = "announced"
        SIGNING = "signing"
        RETIRED = "retired"
        GONE = "gone"

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices)
    private_key = models.BinaryField(editable=False)
    public_jwk = models.JSONField(editable=False)
    created_at = models.DateTimeField()
    signing_since = models.DateTimeField(null=True)
    verifies_until = models.BigIntegerField(null=True)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        """The database itself sees to it that one key signs, and one at most is to follow it."""

        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="signing"), name="one_signing_key"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="announced"), name="one_announced_key"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["announced", "signing", "retired", "gone"]),
                name="signing_key_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} key {self.kid} ({self.state})"
