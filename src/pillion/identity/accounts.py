"""Accounts and tokens from the command line: no server needed, and one may run meanwhile.

Call `pillion.identity.setup(config)` first, on a state folder that `prepare` has made ready.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from pillion.identity import changes, email_address, issue, second_factors, sessions, tokens
from pillion.identity.models import Session, User
from pillion.vocabulary import MAX_TOKEN_LIFETIME, ROLE

# All roles of a user travel in a cookie, which browsers cap at 4096 bytes with everything else in it.
MOST_ROLE_CHARACTERS = 800


class InvalidAccountError(ValueError):
    """What was asked for cannot be: an address, a password, a role or a lifetime is wrong; says which and why."""


class AccountError(Exception):
    """It cannot be done: there is no such account, there is one already, or it is disabled."""


@dataclass(frozen=True)
class Account:
    """A user, as an operator sees them.

    `verified` says that the address is known to be theirs: who signs up may write anybody's. `second_factors` are
    of `second_factors.KINDS`.
    """

    sub: str
    email: str
    verified: bool
    roles: tuple[str, ...]
    active: bool
    joined: datetime
    last_sign_in: datetime | None
    second_factors: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Give the account as JSON has it; times in ISO 8601, UTC."""
        return asdict(self) | {
            "roles": list(self.roles),
            "second_factors": list(self.second_factors),
            "joined": self.joined.astimezone(UTC).isoformat(),
            "last_sign_in": self.last_sign_in and self.last_sign_in.astimezone(UTC).isoformat(),
        }


def require_own_passwords() -> None:
    """Raise AccountError where a users service knows the passwords: one that is kept here would be of no use."""
    if settings.PILLION.users is not None:
        raise AccountError(
            "people sign in through your own users service (identity.users): make accounts there"
        )


def add_user(email: str, password: str, roles: Iterable[str] = ()) -> Account:
    """Make an account; raises InvalidAccountError, or AccountError if the address has one.

    The address counts as verified: the operator vouches for it.
    """
    require_own_passwords()
    address, wanted = _address(email), checked_roles(roles)
    check_password(address, password)
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, password, roles=wanted)
            EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
            changes.record("user.added", address, roles=wanted)
    except IntegrityError:
        raise AccountError(
            f"there is an account for {address} already; 'pillion user list' says whether it is verified"
        ) from None
    return _account(_find(address))


def check_password(email: str, password: str) -> None:
    """Raise InvalidAccountError unless the password may be taken for that address."""
    try:
        validate_password(password, User(email=email_address.normal(email)))
    except ValidationError as error:
        raise InvalidAccountError(f"this password is not taken: {' '.join(error.messages)}") from None


def checked_roles(roles: Iterable[str]) -> list[str]:
    """Give the roles sorted, each once; raises InvalidAccountError for one that is no name of a role."""
    wanted = sorted(set(roles))
    for role in wanted:
        if not ROLE.fullmatch(role):
            raise InvalidAccountError(
                f"'{role}' is no role: use 1 to 64 of a-z, 0-9, '.', '_', ':' and '-', such as 'manager'"
            )
    if sum(map(len, wanted)) > MOST_ROLE_CHARACTERS:
        raise InvalidAccountError(f"these are too many roles: {MOST_ROLE_CHARACTERS} characters in all fit")
    return wanted


def find_user(email: str) -> Account:
    """Give an account; raises AccountError if there is none."""
    return _account(_find(email))


def claims_of(email: str, *, scopes: Iterable[str] = (), mfa: bool = False) -> dict[str, Any]:
    """Give what an account's tokens say when it signs in at the edge now; makes none, and no session.

    `scopes` are besides those of a browser. Raises AccountError if there is no such account, or it is disabled.
    """
    account = find_user(email)
    if not account.active:
        raise AccountError(f"the account of {account.email} is disabled: it gets no token")
    grant = tokens.Grant(
        sub=account.sub,
        sid=str(UUID(int=0)),
        client_id=sessions.EDGE_CLIENT,
        email=account.email if account.verified else "",
        roles=account.roles,
        auth_time=int(timezone.now().timestamp()),
        amr=tokens.TWO_FACTORS if mfa else tokens.ONE_FACTOR,
        scope=" ".join((tokens.SCOPE, *scopes)),
    )
    return tokens.claims_of(issue.realm(), grant)


def list_users() -> list[Account]:
    """Give all accounts, by address."""
    kinds = second_factors.kinds_by_user()
    # Sorted here: every database has an order of its own.
    return sorted(
        (_account(user, kinds.get(user.id, ())) for user in _users()), key=lambda account: account.email
    )


def set_active(email: str, *, active: bool) -> Account:
    """Enable or disable an account (AccountError if there is none); either revokes the sessions that it has.

    A sign-in that crossed the order to disable may have left one, which enabling must not bring to life.
    """
    with transaction.atomic():
        user = _held(email)
        user.is_active = active
        user.save(update_fields=["is_active"])
        _revoke_all(user)
        changes.record("user.enabled" if active else "user.disabled", user.email)
    return _account(user)


def set_password(email: str, password: str) -> Account:
    """Give an account another password, and revoke its sessions. Raises InvalidAccountError or AccountError."""
    require_own_passwords()
    check_password(email, password)
    with transaction.atomic():
        user = _held(email)
        user.set_password(password)
        user.save(update_fields=["password"])
        _revoke_all(user)
        changes.record("user.password", user.email)
    return _account(user)


def set_roles(email: str, roles: Iterable[str]) -> Account:
    """Replace an account's roles; its next tokens carry them. Raises InvalidAccountError or AccountError."""
    return _change_roles(email, lambda _: set(roles))


def give_role(email: str, role: str) -> Account:
    """Give an account one more role. Raises InvalidAccountError or AccountError."""
    return _change_roles(email, lambda has: has | {role})


def take_role(email: str, role: str) -> Account:
    """Take one role from an account. Raises InvalidAccountError or AccountError, if it has not got it, too."""

    def without(has: set[str]) -> set[str]:
        if role not in has:
            raise AccountError(f"{email_address.normal(email)} has no role '{role}'")
        return has - {role}

    return _change_roles(email, without)


def _change_roles(email: str, change: Callable[[set[str]], set[str]]) -> Account:
    with transaction.atomic():
        user = _held(email)
        wanted = checked_roles(change(set(user.roles)))
        if wanted != user.roles:
            changes.record("user.roles", user.email, before=list(user.roles), after=wanted)
        user.roles = wanted
        user.save(update_fields=["roles"])
    return _account(user)


def reset_second_factors(email: str) -> Account:
    """Take all second factors from an account, recovery codes too, and revoke its sessions.

    Raises AccountError if there is no such account, or it has none.
    """
    with transaction.atomic():
        user = _held(email)
        if not second_factors.forget(user):
            raise AccountError(f"{user.email} has no second factor")
        _revoke_all(user)
        changes.record("user.second-factors-reset", user.email)
    return _account(user)


def delete_user(email: str) -> None:
    """Delete an account, after revoking its sessions. Raises AccountError if there is none."""
    with transaction.atomic():
        user = _held(email)
        _revoke_all(user)
        changes.record("user.deleted", user.email, sub=str(user.id))
        user.delete()


def issue_token(email: str, lifetime: timedelta) -> str:
    """Give a token for an account, with a session of that lifetime behind it, by which it can be revoked.

    Raises InvalidAccountError for a lifetime outside of 1 s to 1 h; AccountError if there is no such account,
    or it is disabled.
    """
    if not timedelta(seconds=1) <= lifetime <= MAX_TOKEN_LIFETIME:
        raise InvalidAccountError("a token lives for 1 second at least and 1 hour at most")
    with transaction.atomic():
        user = _held(email)
        if not user.is_active:
            raise AccountError(f"the account of {user.email} is disabled")
        session = sessions.open_for(
            user, client_id=sessions.COMMAND_LINE_CLIENT, lifetime=lifetime, amr=(), now=timezone.now()
        )
        changes.record(
            "token.issued", user.email, sid=str(session.sid), seconds=int(lifetime.total_seconds())
        )
    return issue.token(user, session, lifetime=int(lifetime.total_seconds()))


def _address(email: str) -> str:
    try:
        return email_address.parse(email)
    except email_address.EmailAddressError as error:
        raise InvalidAccountError(f"'{email}': {error}") from None


def _users() -> QuerySet[User]:
    proven = EmailAddress.objects.filter(user=OuterRef("pk"), email=OuterRef("email"), verified=True)
    return User.objects.annotate(verified=Exists(proven))


def _find(email: str) -> User:
    return _only(_users(), email)


def _held(email: str) -> User:
    """Find a user, and let nobody sign in as them or change them before this transaction ends."""
    return _only(_users().select_for_update(), email)


def _only(users: QuerySet[User], email: str) -> User:
    address = email_address.normal(email)
    user = users.filter(email=address).first()
    if user is None:
        raise AccountError(f"there is no account for {address}")
    return user


def _revoke_all(user: User) -> None:
    sessions.revoke(Session.objects.filter(user=user), timezone.now())


def _account(user: User, kinds: tuple[str, ...] | None = None) -> Account:
    return Account(
        sub=str(user.id),
        email=user.email,
        verified=bool(vars(user)["verified"]),
        roles=tuple(user.roles),
        active=user.is_active,
        joined=user.date_joined,
        last_sign_in=user.last_login,
        second_factors=second_factors.kinds(user) if kinds is None else kinds,
    )
