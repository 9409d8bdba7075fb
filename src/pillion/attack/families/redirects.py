"""Open redirects: a link to the mesh that leads somewhere else."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from pillion.attack import people, wire
from pillion.attack.outcome import Attack, Family, Outcome, held, through, unclear, worst
from pillion.attack.target import Target
from pillion.vocabulary import LOGOUT_PATH, SIGN_IN_PATH

_OPEN: Final = "CWE-601"
_URL: Final = "WHATWG URL, section 4.4; CWE-601"
_SPLIT: Final = "CWE-113"
_REGISTERED: Final = "RFC 9700, section 4.1; CWE-601"
_FORM: Final = "Content-Type: application/x-www-form-urlencoded"
_PAGE: Final = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
_EVIL: Final = "attack.invalid"

_NEXT: Final[dict[str, tuple[str, str]]] = {
    "another origin": (_OPEN, f"https://{_EVIL}/"),
    "two slashes": (_OPEN, f"//{_EVIL}/"),
    "three slashes": (_OPEN, f"///{_EVIL}/"),
    "a backslash": (_URL, f"/\\{_EVIL}/"),
    "two backslashes": (_URL, f"\\\\{_EVIL}/"),
    "a scheme without slashes": (_URL, f"https:{_EVIL}"),
    "a tab between slashes": (_URL, f"/\t/{_EVIL}/"),
    "a line end between slashes": (_URL, f"/\n/{_EVIL}/"),
    "an encoded slash": (_URL, f"/%2f{_EVIL}/"),
    "an encoded backslash": (_URL, f"/%5c{_EVIL}/"),
    "a dot segment": (_URL, f"/.//{_EVIL}/"),
    "a dot segment up": (_URL, f"/x/..//{_EVIL}/"),
    "our origin as user": (_OPEN, f"ORIGIN@{_EVIL}/"),
    "our origin as a prefix": (_OPEN, f"ORIGIN.{_EVIL}/"),
    "a script": ("CWE-79", "javascript:alert(1)"),
    "data": ("CWE-79", "data:text/html,<script>alert(1)</script>"),
    "a header behind a line end": (_SPLIT, f"/\r\nLocation: https://{_EVIL}/"),
    "a cookie behind an encoded line end": (_SPLIT, "/%0d%0aSet-Cookie:%20attack=1"),
    "a space before": (_URL, f" //{_EVIL}/"),
}


def _control(target: Target) -> str | None:
    there = _signed_in(target, "/me").header("location")
    return None if there == "/me" else f"after signing in, 'next' led to {there!r}"


def _signed_in(target: Target, wanted: str) -> wire.Answer:
    """Sign in by the form, as a person who followed a link with `next`."""
    account = target.other
    form = urlencode({"email": account.email, "password": account.password, "next": wanted})
    return wire.request(
        target.edge, "POST", SIGN_IN_PATH, _FORM, f"Origin: {target.origin}", *_PAGE, body=form.encode()
    )


def _judged(target: Target, answer: wire.Answer) -> Outcome:
    there = [value for name, value in answer.headers if name == "location"]
    said = f"{answer}, to {' and '.join(map(repr, there))}" if there else str(answer)
    if answer.status is not None and answer.status >= 500:
        return unclear(said)
    if "attack" in answer.cookies():
        return through(f"{said}: it set a cookie of ours")
    away = any(_leads_away(one, target.origin) for one in there)
    return through(said) if away else held(said)


def _leads_away(location: str, origin: str) -> bool:
    """Read a Location as a browser does: line ends within are dropped, backslashes are slashes."""
    read = re.sub(r"[\t\r\n]", "", location).strip("\x00 ").replace("\\", "/")
    if read.startswith("//"):
        return urlsplit(f"http:{read}").netloc != urlsplit(origin).netloc
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", read):
        return not (read == origin or read.startswith(f"{origin}/"))
    # A path that would lead away once somebody between has decoded it, or resolved its dot segments.
    return re.match(r"/([^/?]*/\.\.|\.)//|/%(2f|5c|0d|0a|09)", read, re.IGNORECASE) is not None


def _next(name: str, reference: str, wanted: str) -> Attack:
    def run(target: Target) -> Outcome:
        filled = wanted.replace("ORIGIN", target.origin)
        page = wire.request(target.edge, "GET", f"{SIGN_IN_PATH}?next={quote(filled, safe='')}", *_PAGE)
        return worst([_judged(target, page), _judged(target, _signed_in(target, filled))])

    return Attack(f"next: {name}", reference, f"signing in with next={wanted!r}", run)


def _navigation(target: Target) -> Outcome:
    """Go to a page whose path would lead away, if it came back as a Location."""
    paths = (
        f"//{_EVIL}/%2e%2e",
        f"/\\{_EVIL}/",
        f"/%09/{_EVIL}/",
        f"//{_EVIL}{target.places.protected.path}",
    )
    return worst([_judged(target, wire.request(target.edge, "GET", path, *_PAGE)) for path in paths])


def _redirect_uri(name: str, change: Callable[[str], str]) -> Attack:
    def run(target: Target) -> Outcome:
        registered = target.client.redirect_uri
        request = people.authorization(target, redirect_uri=change(registered))
        answer = people.authorize(target, target.browser, request)
        there = answer.header("location")
        # What follows may hold a code.
        said = f"{answer}, to {there.partition('?')[0]!r}" if there else str(answer)
        if answer.status is not None and answer.status >= 500:
            return unclear(said)
        # A sign-in page or a word of refusal of our own is no leak.
        return held(said) if not there or there.startswith("/") or _same(there, registered) else through(said)

    return Attack(f"redirect_uri: {name}", _REGISTERED, "an authorization request of our client", run)


def _same(there: str, registered: str) -> bool:
    return there.partition("?")[0] == registered and _EVIL not in there


def _after_logout(target: Target) -> Outcome:
    query = urlencode({"client_id": target.client.client_id, "post_logout_redirect_uri": f"https://{_EVIL}/"})
    return _judged(target, wire.request(target.edge, "GET", f"{LOGOUT_PATH}?{query}", *_PAGE))


FAMILY: Final = Family(
    "open redirects",
    _control,
    (
        *(_next(name, reference, wanted) for name, (reference, wanted) in _NEXT.items()),
        Attack("a page's path", _OPEN, "a navigation to a path that begins like another host", _navigation),
        _redirect_uri("another host", lambda _: f"https://{_EVIL}/callback"),
        _redirect_uri("a longer path", lambda uri: f"{uri}/../elsewhere"),
        _redirect_uri("another query", lambda uri: f"{uri}?next=https://{_EVIL}"),
        _redirect_uri("a fragment", lambda uri: f"{uri}#"),
        _redirect_uri("ours as user", lambda uri: f"{uri.rpartition('/')[0]}@{_EVIL}/callback"),
        _redirect_uri("a script", lambda _: "javascript:alert(1)"),
        Attack(
            "post_logout_redirect_uri",
            "OpenID Connect RP-Initiated Logout 1.0, section 3; CWE-601",
            "signing out, and on to another origin",
            _after_logout,
        ),
    ),
)
