"""The page of attacks, and what each attack says of itself."""

from collections import Counter

from pillion.attack.catalogue import FAMILIES
from tests.attack.page import PAGE, written

ATTACKS = [attack for family in FAMILIES for attack in family.attacks]


def test_the_page_says_what_the_catalogue_holds() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run `make goldens`"


def test_there_are_more_than_enough_attacks_and_none_has_two_names() -> None:
    assert len(ATTACKS) >= 120
    names = Counter((family.name, attack.name) for family in FAMILIES for attack in family.attacks)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_attack_says_what_it_tries_and_where_it_is_known_from() -> None:
    for attack in ATTACKS:
        assert attack.tried, attack.name
        assert any(
            word in attack.reference for word in ("RFC", "CVE", "CWE", "NIST", "OpenID", "WHATWG", "SPIFFE")
        ), attack
