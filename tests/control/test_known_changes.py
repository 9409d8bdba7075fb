"""What control changes in a ConfigMap that others may have written too."""

import json
import uuid
from dataclasses import replace

from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.known_changes import MOST_BYTES, OLD_SECONDS, changes, last
from pillion.envoy.known import listed
from pillion.plan.model import Issuer
from tests.envoy.signatures import new_key, public_jwk

ISSUER = Issuer(
    name="sso",
    issuer="https://sso.example",
    keys="https://sso.example/keys",
    audience="shop",
    user=("sub",),
    email=None,
    roles=("roles",),
)
ONE = {**public_jwk(new_key(2048)), "kid": "one", "use": "sig"}
TWO = {**public_jwk(new_key(2048)), "kid": "two", "use": "sig"}
NOW = 1_000_000.0


def facts(*sids: str) -> Facts:
    """Make facts with one key."""
    return Facts(({"kid": "own", "kty": "RSA"},), dict.fromkeys(sids, 0), len(sids))


def written(there: dict[str, str], known: Facts | None, keys: IssuerKeys | None = None) -> dict[str, str]:
    """Give what is there afterwards."""
    trusted = {} if keys is None else {ISSUER: keys}
    found = changes(there, known, trusted, NOW)
    merged = {**there, **found.values}
    assert changes({k: v for k, v in merged.items() if v is not None}, known, trusted, NOW).values == {}
    return {name: text for name, text in merged.items() if text is not None}


def test_everything_is_written_where_there_is_nothing_and_nothing_where_it_is_all() -> None:
    sid = str(uuid.uuid4())
    there = written({}, facts(sid), IssuerKeys((ONE,), NOW))
    assert there.keys() == {"jwks.json", "revoked.lua", "sso.jwks.json"}
    assert listed(sid) in there["revoked.lua"]
    assert last(there, ISSUER) == IssuerKeys((ONE,), NOW)


def test_facts_that_may_be_old_change_nothing_and_a_set_without_keys_replaces_none() -> None:
    there = written({}, facts(str(uuid.uuid4())))
    assert changes(there, None, {}, NOW).values == {}
    assert changes(there, replace(facts(), keys=()), {}, NOW).values.keys() == {"revoked.lua"}


def test_of_two_sets_of_an_issuer_the_one_that_was_fetched_later_stays() -> None:
    there = written({}, None, IssuerKeys((ONE,), NOW - 100))
    assert last(written(there, None, IssuerKeys((TWO,), NOW - 50)), ISSUER).keys == (TWO,)
    for worse in (IssuerKeys((TWO,), NOW - 150), IssuerKeys((ONE,), NOW), IssuerKeys()):
        assert written(there, None, worse) == there, "older, the same, or none at all"


def test_the_same_keys_are_written_again_when_their_time_is_old_or_cannot_be() -> None:
    old = written({}, None, IssuerKeys((ONE,), NOW - OLD_SECONDS - 1))
    assert last(written(old, None, IssuerKeys((ONE,), NOW)), ISSUER).fetched_at == NOW
    ahead = written({}, None, IssuerKeys((ONE,), NOW + 3600))
    assert last(written(ahead, None, IssuerKeys((TWO,), NOW)), ISSUER).keys == (TWO,)


def test_a_set_of_another_issuer_under_the_name_goes_and_that_of_one_who_is_trusted_no_more() -> None:
    there = written({}, None, IssuerKeys((ONE,), NOW))
    other = replace(ISSUER, keys="https://sso.example/others")
    found = changes(there, None, {other: IssuerKeys()}, NOW).values["sso.jwks.json"]
    assert [key["kid"] for key in json.loads(found or "")["keys"]] == ["none-known"]
    assert changes(there, None, {}, NOW).values == {"sso.jwks.json": None}


def test_the_latest_revocations_are_written_when_there_is_no_room_for_all() -> None:
    sids = [str(uuid.UUID(int=number, version=4)) for number in range(60_000)]
    found = changes({}, facts(*sids), {ISSUER: IssuerKeys((ONE,), NOW)}, NOW)
    size = sum(len((text or "").encode()) for text in found.values.values())
    assert MOST_BYTES - 18 < size <= MOST_BYTES
    listing = (found.values["revoked.lua"] or "").split()
    assert 0 < found.left_out < 10_000
    assert listed(sids[found.left_out]) in listing
    assert listed(sids[-1]) in listing
    assert listed(sids[found.left_out - 1]) not in listing
    assert changes({}, facts(*sids[:50_000]), {}, NOW).left_out == 0
