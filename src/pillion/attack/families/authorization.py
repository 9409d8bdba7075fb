"""Authorization headers that two readers would read differently: each holds a good token, and must be refused."""

from typing import Final

from pillion.attack import jose, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, Family, Outcome
from pillion.attack.target import Target

_SYNTAX: Final = "RFC 6750, section 2.1; RFC 9110, section 11.6.2"
_TWICE: Final = "RFC 9110, section 5.3; CVE-2025-64527"
# GOOD is a good token, BAD one by a key of our own that says it is the user's too.
_SENT: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "two headers, the good one first": (_TWICE, ("Bearer GOOD", "Bearer BAD")),
    "two headers, the good one last": (_TWICE, ("Bearer BAD", "Bearer GOOD")),
    "the good one twice": (_TWICE, ("Bearer GOOD", "Bearer GOOD")),
    "two tokens with a comma, the good one first": (_SYNTAX, ("Bearer GOOD, Bearer BAD",)),
    "two tokens with a comma, the good one last": (_SYNTAX, ("Bearer BAD, Bearer GOOD",)),
    "behind Basic": (_SYNTAX, ("Basic YTpi, Bearer GOOD",)),
    "a comma behind": (_SYNTAX, ("Bearer GOOD,",)),
    "a second token behind a space": (_SYNTAX, ("Bearer GOOD BAD",)),
    "xBearer": (_SYNTAX, ("xBearer GOOD",)),
    "Basic": (_SYNTAX, ("Basic GOOD",)),
    "Token": (_SYNTAX, ("Token GOOD",)),
    "DPoP": ("RFC 9449, section 7.1", ("DPoP GOOD",)),
    "no scheme": (_SYNTAX, ("GOOD",)),
    "no space": (_SYNTAX, ("BearerGOOD",)),
    "a colon": (_SYNTAX, ("Bearer: GOOD",)),
    "two spaces": (_SYNTAX, ("Bearer  GOOD",)),
    "a tab": (_SYNTAX, ("Bearer\tGOOD",)),
    "as a parameter": (_SYNTAX, ('Bearer token="GOOD"',)),
    "cut by a NUL": ("CWE-158", ("Bearer GOOD\0",)),
}


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _attack(name: str, reference: str, sent: tuple[str, ...]) -> Attack:
    def run(target: Target) -> Outcome:
        bad = jose.signed(jose.header(target.token), jose.fresh(target.token))
        fields = (
            f"Authorization: {value.replace('GOOD', target.token).replace('BAD', bad)}" for value in sent
        )
        return judged(wire.request(target.edge, "GET", target.places.protected.path, *fields))

    return Attack(name, reference, f"Authorization: {' and '.join(sent)!r}", run)


FAMILY: Final = Family(
    "Authorization headers",
    _control,
    tuple(_attack(name, reference, sent) for name, (reference, sent) in _SENT.items()),
)
