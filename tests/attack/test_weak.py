"""Every attack gets through where the weakness is that it looks for: so each is able to fail."""

from collections.abc import Callable, Iterator

import pytest

from pillion.attack.catalogue import FAMILIES
from pillion.attack.outcome import CannotBeTriedError, Family, Outcome, Verdict
from pillion.attack.target import Target
from tests.attack.weak import smuggled, target

# Where it is the token's own word that is believed; everywhere else, a gateway that looks at no signature at all.
NAIVE = {"algorithm confusion", "embedded keys", "tricks with kid"}
LIKELY = [family for family in FAMILIES if family.name != "request smuggling"]


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give a gateway that lets a token say how it is to be checked."""
    with target.running(tmp_path_factory.mktemp("naive"), blind=False) as weak:
        yield weak


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give a gateway that looks at no signature, and ends no session."""
    with target.running(tmp_path_factory.mktemp("blind"), blind=True) as weak:
        yield weak


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give a gateway that ends sessions, whoever asks."""
    with target.running(tmp_path_factory.mktemp("obedient"), blind=False, forgetful=False) as weak:
        yield weak


def _withstood(family: Family, weak: Target) -> dict[str, str]:
    """Give the attacks that did not get through, with what was answered."""
    outcomes = {attack.name: _outcome(attack.run, weak) for attack in family.attacks}
    return {
        name: f"{one.verdict}: {one.answered}"
        for name, one in outcomes.items()
        if one.verdict is not Verdict.THROUGH
    }


def _outcome(run: Callable[[Target], Outcome], weak: Target) -> Outcome:
    try:
        return run(weak)
    except (CannotBeTriedError, OSError) as error:
        return Outcome(Verdict.SKIPPED, repr(error))


@pytest.mark.parametrize("family", LIKELY, ids=lambda family: family.name)
def test_every_attack_of_a_family_gets_through_a_gateway_that_is_weak(
    family: Family, naive: Target, blind: Target, obedient: Target
) -> None:
    weak = naive if family.name in NAIVE else obedient if family.name == "cross-site requests" else blind
    assert family.control(weak) is None
    assert _withstood(family, weak) == {}


def test_every_smuggled_request_is_found_by_one_of_two_servers_that_disagree(blind: Target) -> None:
    [family] = [family for family in FAMILIES if family.name == "request smuggling"]
    withstood = []
    for by_length in (True, False):
        with smuggled.serving(by_length=by_length) as port:
            weak = target.with_edge(blind, port)
            assert family.control(weak) is None
        outcomes = {}
        for attack in family.attacks:
            with smuggled.serving(by_length=by_length) as port:
                outcomes[attack.name] = _outcome(attack.run, target.with_edge(blind, port)).verdict
        withstood.append({name for name, verdict in outcomes.items() if verdict is not Verdict.THROUGH})
    assert withstood[0] & withstood[1] == set()
