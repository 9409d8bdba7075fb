"""Writes accounts by the hundred, each batch in one transaction."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from pillion.identity import changes, sessions
from pillion.identity.models import Session, User
from pillion.identity.user_import.row import Row
from pillion.vocabulary import OWN_ROLES

# Short enough that a sign-in, which may have to wait for its end, is not felt to.
MOST_ROWS: Final = 500

_TRIES: Final = 3


@dataclass
class Outcome:
    """What became of a batch; `refused` says why, by address."""

    added: int = 0
    without_password: int = 0
    unverified: int = 0
    existing: int = 0
    updated: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def write(rows: Sequence[Row], *, update: bool, hashing: Executor) -> Outcome:
    """Add the accounts that there are not; with `update`, change roles and state of those that there are.

    The rows' addresses are all different. Raises DatabaseError, and has done nothing then.
    """
    hashes = hashes_of(rows, hashing)
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                return _write(rows, hashes, update=update)
        except IntegrityError:  # somebody signed up meanwhile, with one of the addresses
            if attempt == _TRIES - 1:
                raise
    raise AssertionError


def hashes_of(rows: Sequence[Row], hashing: Executor) -> Mapping[str, str]:
    """Make the hashes of the accounts to be: before the transaction, since a password in clear takes its time."""
    there = set(User.objects.filter(email__in=[row.email for row in rows]).values_list("email", flat=True))
    new = [row for row in rows if row.email not in there]
    clear = [row for row in new if row.password is not None]
    made = hashing.map(make_password, [row.password for row in clear])
    return {row.email: row.password_hash or make_password(None) for row in new} | {
        row.email: hashed for row, hashed in zip(clear, made, strict=True)
    }


def _write(rows: Sequence[Row], hashes: Mapping[str, str], *, update: bool) -> Outcome:
    outcome = Outcome()
    addresses = [row.email for row in rows]
    there = {user.email: user for user in _held(addresses)}
    # Somebody's second address, or one that they are about to change to.
    others = (
        set(EmailAddress.objects.filter(email__in=addresses).values_list("email", flat=True)) - there.keys()
    )
    new: list[Row] = []
    for row in rows:
        if row.email in there:
            outcome.existing += 1
        elif row.email in others:
            outcome.refused[row.email] = "is an address of another account"
        elif row.email in hashes:
            new.append(row)
        else:
            outcome.refused[row.email] = "had an account, which was deleted while this ran; import it again"
    _add(new, hashes, outcome)
    if update:
        _update([(there[row.email], row) for row in rows if row.email in there], outcome)
    if outcome.added:
        changes.record("user.imported", f"{outcome.added} accounts", first=new[0].email, last=new[-1].email)
        for row in new:
            if row.roles:
                changes.record("user.added", row.email, roles=row.roles)
    return outcome


def _held(addresses: Sequence[str]) -> list[User]:
    proven = EmailAddress.objects.filter(user=OuterRef("pk"), email=OuterRef("email"), verified=True)
    users = User.objects.filter(email__in=addresses).annotate(verified=Exists(proven))
    return list(users.select_for_update(of=("self",)).order_by("id"))


def _add(rows: Sequence[Row], hashes: Mapping[str, str], outcome: Outcome) -> None:
    now = timezone.now()
    users = [
        User(
            email=row.email,
            password=hashes[row.email],
            roles=row.roles or [],
            is_active=row.active is not False,
            date_joined=now,
        )
        for row in rows
    ]
    User.objects.bulk_create(users)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, primary=True, verified=row.verified is True)
        for user, row in zip(users, rows, strict=True)
    )
    outcome.added += len(rows)
    outcome.without_password += sum(row.password is None and row.password_hash is None for row in rows)
    outcome.unverified += sum(row.verified is not True for row in rows)


def _update(pairs: Sequence[tuple[User, Row]], outcome: Outcome) -> None:
    """Change what rows say of accounts that exist: roles, and whether they may sign in."""
    changed, disabled = [], []
    for user, row in pairs:
        roles = user.roles if row.roles is None else _with_own_roles(user, row.roles)
        active = user.is_active if row.active is None else row.active
        if (roles, active) == (user.roles, user.is_active):
            continue
        if set(roles) - set(user.roles) and not vars(user)["verified"]:
            # Whoever signs up may write anybody's address: that of a manager, before the managers are imported.
            outcome.refused[user.email] = (
                "exists, and nothing proves that the address is theirs: it is given no roles here; "
                "see 'pillion user list' and 'pillion user roles'"
            )
            continue
        if user.is_active and not active:
            disabled.append(user)
        changes.record(
            "user.imported-again", user.email, before=list(user.roles), after=list(roles), active=active
        )
        user.roles, user.is_active = roles, active
        changed.append(user)
    User.objects.bulk_update(changed, ["roles", "is_active"])
    sessions.revoke(Session.objects.filter(user__in=disabled), timezone.now())
    outcome.updated += len(changed)


def _with_own_roles(user: User, roles: Sequence[str]) -> list[str]:
    """Give the roles of a row, and those of Pillion's own that an operator has given: no file takes them away."""
    return sorted({*roles, *(role for role in user.roles if role.startswith(OWN_ROLES))})
