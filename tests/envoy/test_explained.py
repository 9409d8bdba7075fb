"""`pillion check --explain` says of made-up requests what real Envoys do with them."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from pillion.plan import explain
from pillion.plan.conditions import Caller
from pillion.problem import InvalidInputError
from pillion.topology import load
from tests import wire
from tests.envoy import made_up, rig
from tests.envoy.forge import Forge
from tests.envoy.made_up import Person
from tests.envoy.rig import Rig
from tests.local.waiting import until

SEED: Final = 35
RULES: Final = 20  # of each service, before the useless ones are left out
PEOPLE: Final = 100
EDGE: Final = "spiffe://proof/edge"
ONE, TWO = "spiffe://proof/service/one", "spiffe://proof/service/two"
# Where requests go, and whose they are; at the edge, anybody's.
REQUESTS: Final = {
    ("one", EDGE): 1000,
    ("one", TWO): 1000,
    ("two", EDGE): 1000,
    ("two", ONE): 100,
    ("edge", ""): 1000,
}
CODES: Final = {
    *(
        "token-missing",
        "scope-missing",
        "step-up-required",
        "rule-refused",
        "request-malformed",
        "path-unknown",
        "caller-not-allowed",
    ),
}
SERVICES: Final = {"one": ("/a", "/b"), "two": ("/Ab", "/~d")}
CALLS: Final = {"one": (), "two": ("one",)}
CALLERS: Final = {"one": ("edge", "two"), "two": ("edge",)}
SSO: Final = Forge("https://sso.example/realms/shop", "shop-api")
ANY_PATH: Final = tuple(path for paths in SERVICES.values() for path in paths)
TRUST: Final = """
trust:
  sso:
    issuer: https://sso.example/realms/shop
    jwks: https://sso.example/realms/shop/certs
    audience: shop-api
    claims: {roles: roles, scope: scp, extra: {department: dept, org.level: org.level}}
"""


def services(rng: random.Random, folder: Path) -> str:
    """Make up rules that the topology takes."""
    rules = {name: made_up.rules(rng, RULES, paths, CALLERS[name]) for name, paths in SERVICES.items()}

    def text(kept: dict[str, list[int]]) -> str:
        lines = []
        for name, paths in SERVICES.items():
            lines += [f"  {name}:", "    app: APP", f"    paths: {made_up.as_yaml(paths)}"]
            lines += [f"    calls: {made_up.as_yaml(CALLS[name])}", "    rules:"]
            lines += [f"      - {made_up.as_yaml(rules[name][index])}" for index in kept[name]]
        return "\n".join(lines) + "\n"

    def refused(of: str, some: list[int]) -> list[str]:
        file = folder / "made-up.yaml"
        whole = text({**kept, of: some})
        for port in (1001, 1002):
            whole = whole.replace("APP", f"127.0.0.1:{port}", 1)
        file.write_text(f"mesh: proof\n{TRUST}services:\n{whole}", encoding="utf-8")
        try:
            load(file, {})
        except InvalidInputError as error:
            return [problem.key for problem in error.problems if f"services.{of}." in problem.key]
        return []

    kept = {name: list(range(RULES)) for name in SERVICES}
    for name in SERVICES:
        kept[name] = made_up.reduced(RULES, partial(refused, name))
        assert len(kept[name]) > RULES / 2
    return text(kept)


@dataclass(frozen=True)
class Made:
    """A request that was made up, on its way to a sidecar or through the edge."""

    to: str
    workload: str
    method: str
    target: str
    person: Person
    token: str | None

    def lines(self, number: int) -> bytes:
        """Write it down."""
        sent = [f"authorization: Bearer {self.token}"] if self.token else []
        return wire.lines(
            f"{self.method} {self.target} HTTP/1.1",
            *("host: x", f"x-request-id: {number}", *sent),
        )

    def explained(self, mesh: Rig) -> explain.Explanation:
        """Ask the plan."""
        request = explain.Request(self.method, self.target)
        claims = None if self.person.issuer is None else {"sub": "somebody", **self.person.claims}
        caller = Caller(claims, self.person.issuer or "", self.workload)
        if self.to == "edge":
            return explain.at_the_edge(mesh.plan, request, caller)
        return explain.at_the_sidecar(mesh.plan, self.to, request, caller)


@dataclass(frozen=True)
class Told:
    """A request by its number, what the plan says of it, and what Envoy answered."""

    number: int
    made: Made
    explained: explain.Explanation
    answer: wire.Answer


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys with made-up rules."""
    folder = tmp_path_factory.mktemp("made-up")
    with rig.running(folder, services(random.Random(SEED), folder), trust=(TRUST, {"sso": SSO})) as started:
        yield started


@pytest.fixture(scope="module")
def told(mesh: Rig) -> list[Told]:
    """Send made-up requests to the sidecars, and to the edge."""
    rng = random.Random(SEED)
    forges = {"": mesh.forge, "sso": SSO}
    people = [
        (one, None if one.issuer is None else forges[one.issuer].good(**{"sub": "somebody", **one.claims}))
        for one in made_up.people(rng, PEOPLE)
    ]
    made = [
        Made(to, workload, rng.choice(made_up.METHODS), made_up.target(rng, SERVICES.get(to, ANY_PATH)), *who)
        for (to, workload), count in REQUESTS.items()
        for who in rng.choices(people, k=count)
    ]
    places = {
        (to, workload): mesh.edge if to == "edge" else mesh.sidecar(to, workload) for to, workload in REQUESTS
    }
    sent = (
        (places[one.to, one.workload], one.lines(number), one.method != "HEAD")
        for number, one in enumerate(made)
    )
    answers = wire.ask_on(sent)
    return [
        Told(number, one, one.explained(mesh), answer)
        for number, (one, answer) in enumerate(zip(made, answers, strict=True))
    ]


def test_an_explanation_says_what_envoy_does(told: list[Told]) -> None:
    """The status and the code of the refusal, at the sidecars and through the edge."""
    for one in told:
        found = one.answer.status, one.answer.headers.get("x-pillion-refused")
        assert found == (one.explained.status, one.explained.code), one
    said = Counter(one.explained.code for one in told)
    assert said.keys() == {None, *CODES}
    assert min(said.values()) > 25, said


def test_an_explanation_names_the_rule_that_the_audit_log_names(mesh: Rig, told: list[Told]) -> None:
    """Of the same requests, at the sidecars: the edge gives them other ids."""
    expected = {
        (one.made.to, str(one.number)): one.explained.rule
        for one in told
        if one.made.to != "edge" and one.explained.rule
    }

    def logged() -> dict[tuple[str, str], str]:
        lines = ((name, line) for name in SERVICES for line in mesh.audit_lines(name, ""))
        return {(name, line["request_id"]): line["rule"] for name, line in lines}

    until(lambda: expected.keys() <= logged().keys(), "all requests are in the audit logs")
    found = logged()
    assert {key: found[key] for key in expected} == expected
    assert len(set(expected.values())) > RULES / 2
