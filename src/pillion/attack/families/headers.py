"""Headers by which a caller says who they are, in every spelling: at the edge, with and without a token."""

import json
from typing import Final

from pillion.attack import jose, wire
from pillion.attack.judge import judged
from pillion.attack.outcome import Attack, Family, Outcome, held, through, worst
from pillion.attack.target import Place, Target
from pillion.vocabulary import CLAIMS_HEADER, EMAIL_HEADER, HEADER_PREFIX, ROLES_HEADER, USER_HEADER

_SPOOFED: Final = "CWE-290; CWE-348"
_UNDERSCORE: Final = "CVE-2025-64484; CWE-444"
_HOP: Final = "RFC 9110, section 7.6.1; CWE-444"
_CANARY: Final = "attack-canary@pillion.invalid"
_ROLES: Final = "manager,admin,pillion-operator"
_CLAIMS: Final = jose.encoded(
    json.dumps({"sub": _CANARY, "email": _CANARY, "roles": _ROLES.split(",")}).encode()
)

_OWN: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    USER_HEADER: (_SPOOFED, (f"{USER_HEADER}: {_CANARY}",)),
    EMAIL_HEADER: (_SPOOFED, (f"{EMAIL_HEADER}: {_CANARY}",)),
    ROLES_HEADER: (_SPOOFED, (f"{ROLES_HEADER}: {_ROLES}",)),
    CLAIMS_HEADER: (_SPOOFED, (f"{CLAIMS_HEADER}: {_CLAIMS}",)),
    "all of them": (
        _SPOOFED,
        (f"{USER_HEADER}: {_CANARY}", f"{EMAIL_HEADER}: {_CANARY}", f"{ROLES_HEADER}: {_ROLES}"),
    ),
    "in capitals": (_SPOOFED, (f"{EMAIL_HEADER.upper()}: {_CANARY}", f"{ROLES_HEADER.upper()}: {_ROLES}")),
    "in mixed case": (_SPOOFED, (f"{EMAIL_HEADER.title()}: {_CANARY}", f"{ROLES_HEADER.title()}: {_ROLES}")),
    "twice": (_SPOOFED, (f"{EMAIL_HEADER}: x", f"{EMAIL_HEADER}: {_CANARY}", f"{ROLES_HEADER}: {_ROLES}")),
    "with underscores": (
        _UNDERSCORE,
        (f"{EMAIL_HEADER.replace('-', '_')}: {_CANARY}", f"{ROLES_HEADER.replace('-', '_')}: {_ROLES}"),
    ),
    "with one underscore": (_UNDERSCORE, (f"{HEADER_PREFIX[:-1]}_email: {_CANARY}",)),
    "with dots": (_UNDERSCORE, (f"{EMAIL_HEADER.replace('-', '.')}: {_CANARY}",)),
    "with a space before the colon": ("RFC 9112, section 5.1", (f"{EMAIL_HEADER} : {_CANARY}",)),
    "with a tab before the colon": ("RFC 9112, section 5.1", (f"{EMAIL_HEADER}\t: {_CANARY}",)),
    "in a folded line": ("RFC 9112, section 5.2", (f"X-Folded: x\r\n {EMAIL_HEADER}: {_CANARY}",)),
    "behind a folded line": ("RFC 9112, section 5.2", (f"{EMAIL_HEADER}:\r\n {_CANARY}",)),
    "behind a bare line feed": ("RFC 9112, section 2.2", (f"X: 1\n{EMAIL_HEADER}: {_CANARY}",)),
    "behind a bare carriage return": ("RFC 9112, section 2.2", (f"X: 1\r{EMAIL_HEADER}: {_CANARY}",)),
}
_FOREIGN: Final = (
    "remote-user",
    "x-remote-user",
    "x-user",
    "x-user-id",
    "x-user-email",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-auth-request-email",
    "x-authenticated-user",
    "x-webauth-user",
    "x-goog-authenticated-user-email",
    "x-amzn-oidc-identity",
    "x-ms-client-principal-name",
    "cf-access-authenticated-user-email",
    "x-ssl-client-s-dn",
    "x-tenant-id",
)
# Headers that a proxy is told to take away: who is calling must not be lost, or be another, by that.
_CONNECTION: Final = (
    "authorization",
    "cookie",
    USER_HEADER,
    f"{EMAIL_HEADER}, {ROLES_HEADER}",
    "x-request-id, x-forwarded-for, x-forwarded-proto",
)


def _control(target: Target) -> str | None:
    telling = target.places.telling
    if telling is None:
        return "nothing says who is calling"
    answer = wire.request(target.edge, "GET", telling.path, f"Authorization: Bearer {target.token}")
    return None if _names_us(target, answer.body) else f"nobody was told who is calling: {answer}"


def _spoof(name: str, reference: str, fields: tuple[str, ...]) -> Attack:
    def run(target: Target) -> Outcome:
        places = target.places
        bearer = f"Authorization: Bearer {target.token}"
        entrance = wire.request(target.edge, "GET", places.protected.path, *fields)
        tries = [judged(entrance, "without a token")]
        tries += [_told(target, place, *fields) for place in (places.telling_openly,) if place]
        tries += [_told(target, place, bearer, *fields) for place in (places.telling,) if place]
        if places.guarded is not None:
            answer = wire.request(target.edge, "GET", places.guarded.path, bearer, *fields)
            tries.append(judged(answer, "where a role is asked for"))
        return worst(tries)

    return Attack(name, reference, " and ".join(fields).replace("\r", "\\r").replace("\n", "\\n"), run)


def _told(target: Target, place: Place, *fields: str) -> Outcome:
    """Ask where the answer says who is calling: it must not be whom the headers name."""
    answer = wire.request(target.edge, "GET", place.path, *fields)
    if _is_told(answer.body):
        return through(f"{place.path}: {answer}: the service was told what we made up")
    return held(f"{place.path}: {answer}")


def _hop(names: str) -> Attack:
    def run(target: Target) -> Outcome:
        telling = target.places.telling or target.places.protected
        fields = (f"Authorization: Bearer {target.token}", f"{EMAIL_HEADER}: {_CANARY}")
        answer = wire.request(target.edge, "GET", telling.path, f"Connection: close, {names}", *fields)
        if _is_told(answer.body):
            return through(f"{answer}: the service was told what we made up")
        # Where anybody is let in, to be nobody opens nothing.
        nobody = answer.status == 200 and not _names_us(target, answer.body)
        if nobody and telling != target.places.telling_openly:
            return through(f"{answer}: the service was not told who is calling")
        return held(str(answer))

    return Attack(f"Connection: {names}", _HOP, "headers named as those of one hop alone", run)


def _is_told(body: bytes) -> bool:
    """Look for what we made up, but for where it is only text in the value of some other header."""
    text = body.decode("latin-1").lower().replace(f"{EMAIL_HEADER}: {_CANARY}", "")
    return _CANARY in text or _CLAIMS.lower() in text


def _names_us(target: Target, body: bytes) -> bool:
    claims = jose.claims(target.token)
    return any(str(claims[name]).encode() in body for name in ("sub", "email") if name in claims)


FAMILY: Final = Family(
    "spoofed identity",
    _control,
    (
        *(_spoof(name, reference, fields) for name, (reference, fields) in _OWN.items()),
        *(_spoof(name, _SPOOFED, (f"{name}: {_CANARY}",)) for name in _FOREIGN),
        *(_hop(names) for names in _CONNECTION),
    ),
)
