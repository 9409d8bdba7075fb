"""Cross-site requests: another site makes the victim's browser send one, with the victim's cookies."""

from collections.abc import Callable
from typing import Final

from pillion.attack import people, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, Family, Outcome, held, through, worst
from pillion.attack.target import Target
from pillion.vocabulary import ME_PATH, SIGN_IN_PATH

_FORGED: Final = "CWE-352"
_SOCKET: Final = "CWE-1385"
_SHARED: Final = "CWE-942"
_EVIL: Final = "https://attack.invalid"
_LOGIN: Final = "CWE-352; RFC 9700, section 4.7"


def _control(target: Target) -> str | None:
    """Send what changes something from our own origin: it is let in, if only to hear of no such method."""
    return let_in(_post(target, f"Origin: {target.origin}"))


def _post(target: Target, *fields: str) -> wire.Answer:
    return wire.request(target.edge, "POST", ME_PATH, target.browser.cookie(target.cookies), *fields)


def _forged(name: str, *fields: str) -> Attack:
    """Make the attack that sends the victim's cookies; ORIGIN stands for ours."""

    def run(target: Target) -> Outcome:
        filled = [field.replace("ORIGIN", target.origin) for field in fields]
        alone = target.browser.cookie(target.cookies, token=False)
        return worst(
            [
                _not_done(_post(target, *filled), "both cookies"),
                _not_done(wire.request(target.edge, "POST", ME_PATH, alone, *filled), "the session alone"),
            ]
        )

    return Attack(
        name, _FORGED, f"a POST with the victim's cookies and {' and '.join(fields) or 'no origin'}", run
    )


def _not_done(answer: wire.Answer, where: str) -> Outcome:
    """Judge it: that there is no such method is said only to who was let in."""
    return through(f"{where}: {answer}") if answer.status == 405 else judged(answer, where)


def _handshake(target: Target) -> Outcome:
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        target.browser.cookie(target.cookies),
    )
    path = target.places.protected.path
    return judged(wire.request(target.edge, "GET", path, *fields, f"Origin: {_EVIL}"))


def _signed_out(*asked: str, method: str = "POST", path: str = "/sign-out") -> Callable[[Target], Outcome]:
    """Let another site sign the victim out: the session must live on."""

    def run(target: Target) -> Outcome:
        browser = people.sign_in(target, target.other)
        cookie = browser.cookie(target.cookies)
        answer = wire.request(target.edge, method, path, cookie, *asked)
        alone = browser.cookie(target.cookies, token=False)
        after = wire.request(target.edge, "GET", ME_PATH, alone)
        if after.json().get("email") != target.other.email:
            return through(f"{answer}: the victim is signed out")
        return held(str(answer))

    return run


def _shared(name: str, origin: str, method: str = "GET") -> Attack:
    """Make the attack by which another site's script reads an answer."""

    def run(target: Target) -> Outcome:
        cookie = target.browser.cookie(target.cookies)
        filled = f"Origin: {origin.replace('ORIGIN', target.origin)}"
        asked = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization")
        fields = (filled, *asked) if method == "OPTIONS" else (filled, cookie)
        answers = [
            wire.request(target.edge, method, path, *fields) for path in (ME_PATH, target.places.open.path)
        ]
        leave = [
            value for one in answers for key, value in one.headers if key == "access-control-allow-origin"
        ]
        # `*` lets nobody read what comes of cookies.
        bad = [value for value in leave if value != "*"]
        return through(f"leave for {bad[0]}") if bad else held("; ".join(map(str, answers)))

    return Attack(name, _SHARED, f"{method} from {origin}", run)


def _sign_in(name: str, *fields: str, content: str = "application/json") -> Attack:
    """Make the attack that signs the victim in to the attacker's account."""

    def run(target: Target) -> Outcome:
        account = target.other
        body = f'{{"email": "{account.email}", "password": "{account.password}"}}'
        answer = wire.request(
            target.edge, "POST", SIGN_IN_PATH, f"Content-Type: {content}", *fields, body=body.encode()
        )
        return _nobody(target, answer)

    return Attack(name, _LOGIN, f"the attacker's own password, with {' and '.join(fields)}", run)


def _by_get(target: Target) -> Outcome:
    """Sign in by an address alone: it would stand in every log, and any link could do it."""
    query = f"?email={target.other.email.replace('@', '%40')}&password={target.other.password}"
    fields = ("", "X-HTTP-Method-Override: POST", "X-HTTP-Method: POST")
    answers = [
        wire.request(target.edge, "GET", f"{SIGN_IN_PATH}{query}{more}", *filter(None, (field,)))
        for field, more in (*((field, "") for field in fields), ("", "&_method=POST"))
    ]
    return worst([_nobody(target, answer) for answer in answers])


def _nobody(target: Target, answer: wire.Answer) -> Outcome:
    signed_in = people.signed_in(answer, target.cookies) is not None
    return through(f"{answer}: signed in") if signed_in else held(str(answer))


def _login_control(target: Target) -> str | None:
    answer = people.try_to_sign_in(target.edge, target.other, f"Origin: {target.origin}")
    return (
        None
        if people.signed_in(answer, target.cookies)
        else f"from our own origin, signing in was answered {answer}"
    )


_SITE: Final = "Sec-Fetch-Site: cross-site"
FAMILY: Final = Family(
    "cross-site requests",
    _control,
    (
        _forged("from another origin", f"Origin: {_EVIL}"),
        _forged("from a hidden origin", "Origin: null"),
        _forged("from an origin that begins like ours", "Origin: ORIGIN.attack.invalid"),
        _forged("from an origin that ends like ours", "Origin: https://attack.invalid/ORIGIN"),
        _forged("from an origin with our name as user", "Origin: ORIGIN@attack.invalid"),
        _forged("from our origin with a slash", "Origin: ORIGIN/"),
        _forged("from two origins", f"Origin: ORIGIN, {_EVIL}"),
        _forged("from nowhere"),
        _forged("with a referrer alone", "Referer: ORIGIN/"),
        _forged("by Fetch Metadata of another site", _SITE),
        _forged("by Fetch Metadata of a sibling site", "Sec-Fetch-Site: same-site"),
        _forged("by an XMLHttpRequest's header", "X-Requested-With: XMLHttpRequest"),
        _forged("by another method in a header", "X-HTTP-Method-Override: GET", f"Origin: {_EVIL}"),
        Attack(
            "a WebSocket from another origin", _SOCKET, "a handshake with the victim's cookies", _handshake
        ),
        Attack(
            "signing out",
            _FORGED,
            "POST /sign-out from another origin",
            _signed_out(f"Origin: {_EVIL}", _SITE),
        ),
        Attack(
            "signing out by a link",
            "CWE-352; CWE-650",
            "GET /sign-out, as any image could",
            _signed_out(method="GET"),
        ),
        Attack(
            "signing out by an overridden method",
            "CWE-650",
            "GET that says it is a POST",
            _signed_out(
                "X-HTTP-Method-Override: POST",
                "X-Method-Override: POST",
                method="GET",
                path="/sign-out?_method=POST",
            ),
        ),
        Attack(
            "ending sessions",
            _FORGED,
            "POST /account/sessions/end from another origin",
            _signed_out(
                f"Origin: {_EVIL}",
                "Content-Type: application/x-www-form-urlencoded",
                path="/account/sessions/end",
            ),
        ),
        _shared("an answer read by another origin", _EVIL),
        _shared("an answer read by a hidden origin", "null"),
        _shared("an answer read by an origin like ours", "ORIGIN.attack.invalid"),
        _shared("leave by a preflight", _EVIL, "OPTIONS"),
    ),
)
LOGIN_FAMILY: Final = Family(
    "cross-site sign-in",
    _login_control,
    (
        _sign_in("from another origin", f"Origin: {_EVIL}"),
        _sign_in("from a hidden origin", "Origin: null"),
        _sign_in("by Fetch Metadata", _SITE),
        _sign_in("as plain text", f"Origin: {_EVIL}", content="text/plain"),
        Attack("by GET", "CWE-598; CWE-650", "a password in the address", _by_get),
    ),
)
