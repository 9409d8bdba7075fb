"""Sessions that have ended, and ways around the one place that turns a session into a token."""

import time
from collections.abc import Callable
from typing import Final

from pillion.attack import jose, people, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, Verdict, held, through, worst
from pillion.attack.people import sign_in, sign_out
from pillion.attack.target import Browser, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import RENEWAL_PATH, REVOKE_PATH, SESSION_HEADER, SIGN_IN_PATH

_ENDED: Final = "CWE-613"
_RENEWAL: Final = "CWE-294; CWE-441"
_FIXATION: Final = "CWE-384"
_POLL_SECONDS: Final = 0.02


def _control(target: Target) -> str | None:
    """Show a session that is alive, without its token: it is renewed."""
    field = target.browser.cookie(target.cookies, token=False)
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _ask(target: Target, *fields: str) -> Answer:
    return wire.request(target.edge, "GET", target.places.protected.path, *fields)


def until_refused(target: Target, ask: Callable[[], Answer]) -> Outcome:
    """Ask until it is refused: a revocation needs a moment to reach everybody."""
    began = time.monotonic()
    while (
        outcome := judged(ask())
    ).verdict is Verdict.THROUGH and time.monotonic() < began + target.spread_seconds:
        time.sleep(_POLL_SECONDS)
    if outcome.verdict is Verdict.THROUGH:
        return through(f"{outcome.answered}, {target.spread_seconds:.1f} s after it ended")
    milliseconds = (time.monotonic() - began) * 1000
    return Outcome(outcome.verdict, f"{outcome.answered} after {milliseconds:.0f} ms")


def _bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def _let_in_first(answer: Answer) -> None:
    if wrong := let_in(answer):
        raise CannotBeTriedError(f"before it ended, {wrong}")


def _after_sign_out(field: Callable[[Target, Browser], str]) -> Callable[[Target], Outcome]:
    def run(target: Target) -> Outcome:
        browser = sign_in(target)
        _let_in_first(_ask(target, field(target, browser)))
        sign_out(target, browser)
        return until_refused(target, lambda: _ask(target, field(target, browser)))

    return run


def _renewed_token(target: Target) -> Outcome:
    browser = sign_in(target)
    answer = _ask(target, browser.cookie(target.cookies, token=False))
    token = answer.cookies().get(target.cookies.token, "").partition(";")[0]
    if not token:
        raise CannotBeTriedError(f"a session alone was answered {answer}, without a token")
    sign_out(target, browser)
    return until_refused(target, lambda: _ask(target, _bearer(token)))


def _token_of_a_client(target: Target) -> Outcome:
    browser = sign_in(target)
    found = people.exchanged(target, *people.grant(target, browser))
    _let_in_first(_ask(target, _bearer(found["access_token"])))
    sign_out(target, browser)
    return until_refused(target, lambda: _ask(target, _bearer(found["access_token"])))


def _refresh_token_of_a_client(target: Target) -> Outcome:
    browser = sign_in(target)
    found = people.exchanged(target, *people.grant(target, browser))
    sign_out(target, browser)
    return judged(people.refreshed(target, found["refresh_token"]))


def _ended_elsewhere(target: Target) -> Outcome:
    """End all sessions of the account from one browser, and go on with the other."""
    mine, thief = sign_in(target, target.leaver), sign_in(target, target.leaver)
    _let_in_first(_ask(target, _bearer(thief.token)))
    ended = wire.post(
        target.edge,
        "/account/sessions/end",
        {"session": "all"},
        mine.cookie(target.cookies),
        f"Origin: {target.origin}",
    )
    if ended.status != 204:
        raise CannotBeTriedError(f"ending all sessions was answered {ended}")
    return until_refused(target, lambda: _ask(target, _bearer(thief.token)))


def _given_back(target: Target) -> Outcome:
    """Let our client revoke its own token (RFC 7009), and show that."""
    token = people.client_token(target, jose.claims(target.token)["aud"])
    _let_in_first(_ask(target, _bearer(token)))
    people.posted(target, REVOKE_PATH, {"token": token})
    return until_refused(target, lambda: _ask(target, _bearer(token)))


def _session_by_header(target: Target) -> Outcome:
    """Send what the edge alone sends to identity."""
    return judged(_ask(target, f"{SESSION_HEADER}: {target.browser.session}"))


def _renewal_from_outside(target: Target) -> Outcome:
    """Ask the place where the edge renews tokens, by every way there might be."""
    fields = (
        f"{SESSION_HEADER}: {target.browser.session}",
        target.browser.cookie(target.cookies, token=False),
    )
    paths = (RENEWAL_PATH, f"/me/..{RENEWAL_PATH}", f"/sign-in/..{RENEWAL_PATH}", f"/{RENEWAL_PATH}")
    answers = [wire.request(target.edge, "POST", path, *fields, f"Origin: {target.origin}") for path in paths]
    # Nobody has to be told that there is such a place.
    return worst([held(str(one)) if one.status == 404 else judged(one) for one in answers])


def _made_up(target: Target) -> Outcome:
    values = ("", "0", "null", "undefined", "' OR '1'='1", "../../identity", "*", "A" * 43, "a" * 4000)
    return worst([judged(_ask(target, f"Cookie: {target.cookies.session}={value}")) for value in values])


def _in_the_address(target: Target) -> Outcome:
    name, value = target.cookies.session, target.browser.session
    path = target.places.protected.path
    return judged(wire.request(target.edge, "GET", f"{path}?{name}={value}"))


def _planted(target: Target) -> Outcome:
    """Plant a session's id of our choice in the victim's browser, and wait for them to sign in."""
    planted = sign_in(target, target.other)
    sign_out(target, planted)
    answer = people.try_to_sign_in(target.edge, target.user, planted.cookie(target.cookies, token=False))
    got = people.signed_in(answer, target.cookies)
    if got is not None and got.session == planted.session:
        return through("the session that was planted is the one that was signed in")
    return judged(_ask(target, planted.cookie(target.cookies, token=False)), "what was planted")


def _before_signing_in(target: Target) -> Outcome:
    """Take the session that a visitor gets from the sign-in page, and wait for them to sign in."""
    page = wire.request(target.edge, "GET", SIGN_IN_PATH, "Accept: text/html")
    visitor = page.cookies().get(target.cookies.session, "").partition(";")[0] or "A" * 43
    cookie = f"Cookie: {target.cookies.session}={visitor}"
    people.try_to_sign_in(target.edge, target.user, cookie)
    return judged(_ask(target, cookie), "the visitor's session")


def _token_cookie(target: Target, browser: Browser) -> str:
    return f"Cookie: {target.cookies.token}={browser.token}"


FAMILY: Final = Family(
    "sessions that ended",
    _control,
    (
        Attack(
            "token after signing out",
            _ENDED,
            "a token that was good until its session ended",
            _after_sign_out(lambda _, browser: _bearer(browser.token)),
        ),
        Attack(
            "cookie's token after signing out",
            _ENDED,
            "the same token, in its cookie",
            _after_sign_out(_token_cookie),
        ),
        Attack(
            "session after signing out",
            _ENDED,
            "the session's cookie, to get another token",
            _after_sign_out(lambda target, browser: browser.cookie(target.cookies, token=False)),
        ),
        Attack(
            "renewed token after signing out",
            _ENDED,
            "a token that was renewed before the session ended",
            _renewed_token,
        ),
        Attack(
            "a client's token after signing out",
            _ENDED,
            "an access token of a grant that hung on the session",
            _token_of_a_client,
        ),
        Attack(
            "a client's refresh token after signing out",
            _ENDED,
            "a refresh token of such a grant",
            _refresh_token_of_a_client,
        ),
        Attack(
            "session ended elsewhere",
            _ENDED,
            "a token whose session was ended from another browser",
            _ended_elsewhere,
        ),
        Attack(
            "token given back",
            "RFC 7009; CWE-613",
            "a client's token that it has revoked itself",
            _given_back,
        ),
        Attack(
            "session by the edge's own header",
            _RENEWAL,
            f"a live session in {SESSION_HEADER}",
            _session_by_header,
        ),
        Attack(
            "renewal from outside",
            _RENEWAL,
            "the place where the edge renews tokens, asked directly",
            _renewal_from_outside,
        ),
        Attack("made-up sessions", "CWE-330; CWE-89", "cookies that might be taken for a session", _made_up),
        Attack("session in the address", "CWE-598", "a live session as a parameter", _in_the_address),
        Attack(
            "a planted session",
            _FIXATION,
            "a session's id that the attacker knows, before the victim signs in",
            _planted,
        ),
        Attack(
            "the session of before",
            _FIXATION,
            "the visitor's cookie of before the sign-in, after it",
            _before_signing_in,
        ),
    ),
)
