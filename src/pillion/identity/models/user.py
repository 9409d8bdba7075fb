"""A user: whom a token speaks of."""

import uuid
from typing import Any, ClassVar, Final

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from pillion.identity import email_address, imported_hashes
from pillion.vocabulary import ROLE

LONGEST_SERVICE_ID: Final = 300


def check_roles(roles: Any) -> None:
    """Raise ValidationError unless `roles` is a sorted list of different roles (vocabulary.ROLE)."""
    if not isinstance(roles, list) or not all(
        isinstance(role, str) and ROLE.fullmatch(role) for role in roles
    ):
        raise ValidationError(f"roles are a list of names like 'manager' ({ROLE.pattern})")
    if roles != sorted(set(roles)):
        raise ValidationError("roles are sorted, each named once")


class UserManager(BaseUserManager["User"]):
    """Makes users."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user, with the address in its normal form; no password means that none will match."""
        user = self.model(email=email_address.normal(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by email address, in any case."""
        return self.get(email=email_address.normal(username or ""))


class User(AbstractBaseUser):
    """A person with an account.

    `id` is the `sub` of tokens: random, and so never given to a second user (RFC 9068, section 2.2).
    `email` is in the form of `email_address.normal`, which makes it unique whatever its case.
    `service_id` is what the mesh's own users service knows them by; null if it does not.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=email_address.LONGEST, unique=True)
    password = models.CharField(max_length=imported_hashes.LONGEST)
    service_id = models.CharField(max_length=LONGEST_SERVICE_ID, null=True, unique=True, editable=False)  # noqa: DJ001 - "" could not be unique
    roles = models.JSONField(default=list, blank=True, validators=[check_roles])
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return str(self.email)

    def clean(self) -> None:
        """Bring the address into its normal form."""
        super().clean()
        self.email = email_address.normal(self.email)

    def check_password(self, raw_password: str | None) -> bool:
        """Hold a password against the hash; one that fits makes a hash of other kind or strength anew.

        Unlike Django's own, it leaves a hash alone that was changed meanwhile, which would bring the old password
        back, and that of a disabled account: how long it takes would tell that the password fits.
        """
        checked = self.password

        def renew(password: str) -> None:
            if not self.is_active:
                return
            renewed = make_password(password)
            if User.objects.filter(pk=self.pk, password=checked).update(password=renewed):
                self.password = renewed

        return check_password(raw_password, checked, renew)

    def get_session_auth_hash(self) -> str:
        """Tie a session to this user, not to the stored hash of the password, as Django would.

        Django ends all sessions when that hash changes, even when it only grows stronger at a sign-in; and
        the renewal, which is no part of Django, would not notice. Here sessions end by being revoked, alone.
        """
        return str(self.id)

    def get_session_auth_fallback_hash(self) -> Any:
        """There is no older form of `get_session_auth_hash`."""
        return iter(())
