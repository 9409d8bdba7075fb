"""The account here of a person whom the users service knows: made at the first sign-in, kept true at each.

It is found by the service's own name for the person (`User.service_id`), never by the address: who gets a new
address stays the same person, and who gets somebody's old one does not become them. It has no password.
"""

import logging
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from pillion.identity import changes, sessions
from pillion.identity.config import Users
from pillion.identity.models import Session, User
from pillion.identity.users_service.person import Person, by_address
from pillion.vocabulary import OWN_ROLES

# Of who has lost their address to somebody else, until they sign in (RFC 2606, section 2: nobody's mail).
_NOBODYS: Final = "replaced.invalid"
_TRIES: Final = 3
# Whose doing it is, in the record of changes.
_SERVICE: Final = changes.Actor("users service")

_log = logging.getLogger("pillion.identity")


class ConflictError(Exception):
    """The service may not speak for who has this address here; the message says why, and what can be done."""


def account_of(person: Person, users: Users) -> User | None:
    """Give the account of a person, kept true; None, and a line in the log, where it is somebody else's."""
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                return _account_of(person, users)
        except ConflictError as conflict:
            _log.warning("users service: %s is not signed in: %s", person.email, conflict)
            return None
        except IntegrityError:  # the same person, or the address, at the same moment elsewhere
            if attempt == _TRIES - 1:
                raise
    return None


def _account_of(person: Person, users: Users) -> User:
    user, holders = _held(person)
    if user is None and len(holders) == 1 and _may_become(holders[0], person, users):
        (user,) = holders
        holders = []
    for holder in holders:
        _take_address(holder, person)
    if user is None:
        user = User.objects.create_user(person.email, service_id=person.service_id, roles=person.roles)
        _note("user.added", person, roles=person.roles)
    elif (user.email, user.roles, user.service_id) != (person.email, _roles(user, person), person.service_id):
        before, roles = {"email": user.email, "roles": list(user.roles)}, _roles(user, person)
        _note("user.told-anew", person, before=before, after={"email": person.email, "roles": roles})
        user.email, user.roles, user.service_id = person.email, roles, person.service_id
        user.save(update_fields=["email", "roles", "service_id"])
    _keep_address(user, verified=person.email_verified)
    return user


def _roles(user: User, person: Person) -> list[str]:
    """Give the roles that the service says, and those of Pillion's own that an operator has given."""
    return sorted({*person.roles, *(role for role in user.roles if role.startswith(OWN_ROLES))})


def _note(what: str, person: Person, **details: Any) -> None:
    with changes.by(_SERVICE):
        changes.record(what, person.email, **details)


def _held(person: Person) -> tuple[User | None, list[User]]:
    """Give the person's account, and others that their address belongs to, as their first or a proven one.

    Nobody else changes them before this transaction ends. They are locked in one order, so that two who swap
    addresses do not wait for each other.
    """
    proven = EmailAddress.objects.filter(email=person.email, verified=True).values("user")
    concerned = Q(service_id=person.service_id) | Q(email=person.email) | Q(pk__in=proven)
    rows = list(User.objects.select_for_update().filter(concerned).order_by("id"))
    user = next((row for row in rows if row.service_id == person.service_id), None)
    return user, [row for row in rows if row is not user]


def _may_become(holder: User, person: Person, users: Users) -> bool:
    """Say whether the account that has the address is this person's from now on; adopts it if so."""
    if holder.service_id is not None:
        # Linked by the address so far: the service has begun to say `sub`.
        return holder.service_id == by_address(person.email)
    if users.local_accounts != "adopt":
        return False
    if not person.email_verified or not _is_proven(holder, person.email):
        # Whoever signs up may write anybody's address, and would then be signed in to that person's account.
        raise ConflictError(
            "an account of Pillion's own has this address, and it is not verified both there and here: see "
            "'pillion user list'"
        )
    _log.info("users service: %s has the account that was Pillion's own", person.email)
    holder.set_unusable_password()
    # Whoever runs the service may sign in as anybody in it: as an operator of this mesh only if one says so again.
    before = list(holder.roles)
    holder.roles = [role for role in before if not role.startswith(OWN_ROLES)]
    holder.save(update_fields=["password", "roles"])
    _note("user.adopted", person, before={"roles": before}, after={"roles": holder.roles})
    sessions.revoke(Session.objects.filter(user=holder), timezone.now())
    return True


def _is_proven(holder: User, email: str) -> bool:
    return (
        holder.email == email
        and EmailAddress.objects.filter(user=holder, email=email, verified=True).exists()
    )


def _take_address(holder: User, person: Person) -> None:
    """Take the address from another person of the service, to whom it belonged; raises ConflictError."""
    if holder.service_id is None:
        raise ConflictError(
            "an account of Pillion's own has this address: delete it with 'pillion user delete', or let the "
            "service have those that are verified with 'local_accounts: adopt'"
        )
    if person.sub is None:
        raise ConflictError("the service said a 'sub' for this address before, and says none now")
    if not person.email_verified:
        raise ConflictError("another person of the service has this address, and theirs is not verified")
    EmailAddress.objects.filter(user=holder, email=person.email).delete()
    if holder.email == person.email:
        _log.info("users service: %s belongs to another person now", person.email)
        _note("user.address-taken", person, sub=str(holder.id))
        holder.email = f"{holder.id}@{_NOBODYS}"
        holder.save(update_fields=["email"])
        # Their tokens say the address, which is somebody else's now.
        sessions.revoke(Session.objects.filter(user=holder), timezone.now())


def _keep_address(user: User, *, verified: bool) -> None:
    kept = list(EmailAddress.objects.filter(user=user).values_list("email", "verified", "primary"))
    if kept != [(user.email, verified, True)]:
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)
