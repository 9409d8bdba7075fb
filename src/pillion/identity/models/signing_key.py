"""A signing key: what makes tokens believable."""

from typing import Any, ClassVar

from django.db import models


class SigningKey(models.Model):
    """A key pair. The private half is encrypted (see `keys`); the public half is what the JWKS shows.

    `announced`: verifiers may know it, nothing is signed with it yet. `signing`: in use. `retired`: what it
    signed may still be believed, nothing new is signed.
    """

    class State(models.TextChoices):
        """Where a key is in its life; it only ever moves forward."""

        ANNOUNCED = "announced"
        SIGNING = "signing"
        RETIRED = "retired"

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State.choices)
    private_key = models.BinaryField(editable=False)
    public_jwk = models.JSONField(editable=False)
    created_at = models.DateTimeField()

    class Meta:
        """The database itself sees to it that there is one signing key per algorithm."""

        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=models.Q(state="signing"),
                name="one_signing_key_per_algorithm",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["announced", "signing", "retired"]), name="signing_key_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} key {self.kid} ({self.state})"
