"""What has to change in a ConfigMap so that Envoys start from it with what is known; without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.known import known_texts, parse_trusted
from pillion.envoy.known import listed, revoked_script
from pillion.envoy.names import JWKS_FILE, REVOKED_FILE, trusted_keys_file
from pillion.plan.model import Issuer

# All values together may be 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/).
MOST_BYTES: Final = 1024 * 1024
# The same keys of an issuer are written again, for the time at which they were fetched, when that is so old.
OLD_SECONDS: Final = 900.0
# Clocks differ: a time later than that is none.
_AHEAD_SECONDS: Final = 60.0

# A revocation, with the end of the line before it.
_LINE: Final = len(listed("00000000-0000-4000-8000-000000000000")) + 1


@dataclass(frozen=True)
class Changes:
    """The new values by key, None where one is to go; and how many revocations find no room."""

    values: Mapping[str, str | None]
    left_out: int


def changes(
    there: Mapping[str, str], facts: Facts | None, trusted: Mapping[Issuer, IssuerKeys], now: float
) -> Changes:
    """Compare what is `there` with what is known: `facts`, unless that may be old, and the sets of other issuers.

    Of an issuer's sets the one that was fetched later stays. Of the revocations the latest are written, if
    there is no room for all.
    """
    wanted: dict[str, str | None] = dict.fromkeys(name for name in there if _is_of_issuer(name))
    wanted |= _of_issuers(there, trusted, now)
    left_out = 0
    if facts is not None:
        jwks = _key(JWKS_FILE)
        if facts.keys:  # a set without keys replaces none
            wanted[jwks] = known_texts(facts.jwks, (), {})[JWKS_FILE]
        others = {name: text for name, text in ({**there, **wanted}).items() if name != _key(REVOKED_FILE)}
        room = MOST_BYTES - sum(len(text.encode()) for text in others.values() if text is not None)
        fit = max(0, room - len(revoked_script([]))) // _LINE
        revoked = list(facts.revoked)
        left_out = max(0, len(revoked) - fit)
        wanted[_key(REVOKED_FILE)] = revoked_script(revoked[left_out:])
    return Changes({name: text for name, text in wanted.items() if there.get(name) != text}, left_out)


def last(there: Mapping[str, str], issuer: Issuer) -> IssuerKeys:
    """Give the set of this issuer that is there."""
    return parse_trusted(there.get(_key(trusted_keys_file(issuer.name)), ""), issuer)


def _of_issuers(there: Mapping[str, str], trusted: Mapping[Issuer, IssuerKeys], now: float) -> dict[str, str]:
    texts = known_texts({}, (), trusted)
    found = {}
    for issuer, ours in trusted.items():
        file = trusted_keys_file(issuer.name)
        stays = _key(file) in there and not _replaces(ours, last(there, issuer), now)
        found[_key(file)] = there[_key(file)] if stays else texts[file]
    return found


def _replaces(ours: IssuerKeys, theirs: IssuerKeys, now: float) -> bool:
    if theirs.fetched_at is None or theirs.fetched_at > now + _AHEAD_SECONDS:
        return True
    if ours.fetched_at is None:
        return False
    same = ours.keys == theirs.keys
    return ours.fetched_at > theirs.fetched_at + (OLD_SECONDS if same else 0)


def _is_of_issuer(key: str) -> bool:
    return key.endswith("." + _key(JWKS_FILE))


def _key(file: str) -> str:
    """Name a file as Envoys find it in the folder: the ConfigMap's key."""
    return file.rpartition("/")[2]
