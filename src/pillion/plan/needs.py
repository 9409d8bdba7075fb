"""What a rule asks for, need by need, as conditions: here the topology's words get their meaning, once.

Of whose tokens something is believed is decided here as well. Our own say all of it. Another issuer's say what is
mapped in `trust`, and never that a second factor was shown: nobody here has looked at what it takes for one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pillion import vocabulary
from pillion.plan.conditions import (
    ALWAYS,
    OWN,
    CameFrom,
    Claim,
    Condition,
    Has,
    Is,
    Says,
    SomeText,
    Value,
    all_of,
    any_of,
)
from pillion.plan.issuer import Issuer
from pillion.topology import Rule, claim_path

Kind = Literal["signed-in", "caller", "role", "claim", "scope", "mfa"]

# The edge, among the callers that a rule names.
EDGE: Final = "edge"


@dataclass(frozen=True)
class Need:
    """One thing that a rule asks for: `asked` in words, `met_by` as what must hold."""

    kind: Kind
    asked: str
    met_by: Condition
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """What a caller must show: all of the needs, in the order in which a missing one is said; none for anyone."""

    needs: tuple[Need, ...]

    @property
    def anyone(self) -> bool:
        """Whether nothing is asked for, not even a token."""
        return not self.needs

    @property
    def met_by(self) -> Condition:
        """What must hold of a caller who is let in."""
        return all_of(*(need.met_by for need in self.needs)) if self.needs else ALWAYS

    def but_for(self, need: Need) -> Condition:
        """Give what holds of a caller to whom `need` is the first that is missing."""
        return all_of(*(before.met_by for before in self.needs[: self.needs.index(need)]))


ANYONE: Final = Requirement(())


def required(rule: Rule, mesh: str, trusted: tuple[Issuer, ...]) -> Requirement:
    """Say what a written rule asks for."""
    return ANYONE if rule.allow == "anyone" else Requirement(tuple(_needs(rule, mesh, trusted)))


def signed_in(trusted: Iterable[Issuer]) -> Requirement:
    """Ask for no more than a good token."""
    return Requirement((_signed_in(trusted),))


def _needs(rule: Rule, mesh: str, trusted: tuple[Issuer, ...]) -> Iterator[Need]:
    """Say first what a caller can do least about: to step up would be in vain for who has not the role."""
    yield _signed_in(trusted)
    if rule.callers:
        ids = tuple(sorted(_id(mesh, caller) for caller in rule.callers))
        yield Need("caller", f"a request from {_or(rule.callers)}", CameFrom(ids))
    if rule.roles:
        yield Need("role", f"the role {_or(rule.roles)}", any_of(*_roles(sorted(rule.roles), trusted)))
    for name, values in sorted((rule.claims or {}).items()):
        shown = _or(_shown(value) for value in values)
        yield Need("claim", f"the claim {name} to be {shown}", any_of(*_claim(name, values, trusted)))
    if rule.scopes:
        scopes = tuple(sorted(rule.scopes))
        met_by = all_of(*(any_of(*_scope(scope, trusted)) for scope in scopes))
        yield Need("scope", f"the scope {' and '.join(scopes)}", met_by, scopes)
    if rule.mfa:
        # RFC 8176, section 2: more than one factor was shown.
        yield Need("mfa", "a second factor", Claim(OWN, ("amr",), Has("mfa")))


def _signed_in(trusted: Iterable[Issuer]) -> Need:
    users = (Claim(issuer.name, issuer.user, SomeText()) for issuer in trusted)
    return Need("signed-in", "a valid token", any_of(Claim(OWN, ("sub",), SomeText()), *users))


def _id(mesh: str, caller: str) -> str:
    return vocabulary.edge_spiffe_id(mesh) if caller == EDGE else vocabulary.spiffe_id(mesh, caller)


def _roles(roles: Iterable[str], trusted: Iterable[Issuer]) -> Iterator[Condition]:
    lists = [(OWN, ("roles",)), *((one.name, one.roles) for one in trusted if one.roles)]
    for issuer, path in lists:
        yield from (Claim(issuer, path, Has(role)) for role in roles)


def _claim(name: str, values: Iterable[Value], trusted: Iterable[Issuer]) -> Iterator[Condition]:
    """Look in a claim that lists several things for each of them."""
    lent = ((one.name, path) for one in trusted for lent, path in one.extra if lent == name)
    for issuer, path in ((OWN, claim_path(name)), *lent):
        for value in values:
            yield Claim(issuer, path, Is(value))
            yield Claim(issuer, path, Has(value))


def _scope(scope: str, trusted: Iterable[Issuer]) -> Iterator[Condition]:
    """Ours is always words with blanks between (RFC 9068, section 2.2.3); some issuers write a list."""
    yield Claim(OWN, ("scope",), Says(scope))
    for issuer in trusted:
        if issuer.scope:
            yield Claim(issuer.name, issuer.scope, Says(scope))
            yield Claim(issuer.name, issuer.scope, Has(scope))


def _or(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
