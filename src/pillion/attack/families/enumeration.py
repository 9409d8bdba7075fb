"""Account enumeration: whether an address has an account, told by words or by time; and guessing."""

import secrets
import statistics
import time
from typing import Final

from pillion.attack import people, wire
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, through
from pillion.attack.target import Account, Door, Target
from pillion.attack.wire import Answer

_WORDS: Final = "CWE-204"
_TIME: Final = "CWE-208"
_GUESSES: Final = "CWE-307"
_PAIRS: Final = 7
_ROUNDS: Final = 3
# How many times as long the one may take as the other. A password that is not hashed at all is ten times as quick.
_RATIO: Final = 2.0
_MOST_GUESSES: Final = 40
# Other in every answer, whoever asks.
_ALWAYS_OTHER: Final = frozenset(
    {"date", "x-request-id", "content-length", "traceparent", "x-envoy-upstream-service-time"}
)


def _control(target: Target) -> str | None:
    answer = people.try_to_sign_in(target.edge, target.user)
    return None if people.signed_in(answer, target.cookies) else f"the right password was answered {answer}"


def _nobody() -> Account:
    return Account(f"attack-nobody-{secrets.token_hex(8)}@pillion.invalid", "a wrong password")


def _door(target: Target) -> Door:
    """Give the edge as seen from an address that nobody has used: failures are counted to that."""
    if target.elsewhere is None:
        raise CannotBeTriedError("there is no other address to fail from: it would lock this one out")
    return target.edge.seen_from(f"{target.elsewhere.rpartition('.')[0]}.{secrets.randbelow(250) + 1}")


def _sign_in_words(target: Target) -> Outcome:
    door = _door(target)
    known = people.try_to_sign_in(door, Account(target.user.email, "a wrong password"))
    return _same_words(known, people.try_to_sign_in(door, _nobody()))


def _sign_in_page(target: Target) -> Outcome:
    """Compare the pages that people see, but for the address that they typed."""
    door, asked = _door(target), []
    for account in (Account(target.user.email, "a wrong password"), _nobody()):
        form = f"email={account.email.replace('@', '%40')}&password=wrong&next="
        fields = ("Content-Type: application/x-www-form-urlencoded", "Accept: text/html")
        answer = wire.request(door, "POST", "/sign-in", *fields, body=form.encode())
        asked.append(Answer(answer.status, answer.headers, answer.body.replace(account.email.encode(), b"")))
    return _same_words(*asked)


def _forgot_words(target: Target) -> Outcome:
    addresses = (target.user.email, _nobody().email)
    known, unknown = (
        Answer(one.status, one.headers, one.body.replace(address.encode(), b""))
        for address in addresses
        for one in (wire.post(_door(target), "/account/forgot", {"email": address}),)
    )
    if known.status == 404:
        raise CannotBeTriedError("no mail is sent from here")
    return _same_words(known, unknown)


def _same_words(known: Answer, unknown: Answer) -> Outcome:
    if 429 in {known.status, unknown.status}:
        raise CannotBeTriedError("too many tries lately")
    same = known.status == unknown.status and _told(known) == _told(unknown)
    said = f"with an account {known}, without {unknown}"
    return held(said) if same else through(f"{said}: they differ")


def _told(answer: Answer) -> tuple[object, ...]:
    names = sorted(name for name, _ in answer.headers if name not in _ALWAYS_OTHER)
    document = {
        name: value for name, value in answer.json().items() if name not in {"request_id", "instance"}
    }
    return names, document or answer.body


def _sign_in_time(target: Target) -> Outcome:
    """Compare the medians of tries in turn; a machine that is busy gets more rounds."""
    said = ""
    for _ in range(_ROUNDS):
        known, unknown = [], []
        for _ in range(_PAIRS):
            known.append(_seconds(target, Account(target.user.email, "a wrong password")))
            unknown.append(_seconds(target, _nobody()))
        one, other = statistics.median(known), statistics.median(unknown)
        said = f"with an account {one * 1000:.0f} ms, without {other * 1000:.0f} ms"
        if 1 / _RATIO < one / other < _RATIO:
            return held(said)
    return through(said)


def _seconds(target: Target, account: Account) -> float:
    door = _door(target)
    began = time.perf_counter()
    answer = people.try_to_sign_in(door, account)
    if answer.status == 429:
        raise CannotBeTriedError("too many tries lately")
    return time.perf_counter() - began


def _guess(target: Target, door: Door, *, many_accounts: bool) -> Outcome:
    for number in range(_MOST_GUESSES):
        account = _nobody() if many_accounts else Account(target.other.email, f"guess {number}")
        answer = people.try_to_sign_in(door, account)
        if answer.status == 429:
            return held(f"{answer} after {number} guesses")
    return through(f"{_MOST_GUESSES} guesses, and none was held up")


FAMILY: Final = Family(
    "accounts and passwords",
    _control,
    (
        Attack(
            "words of a failed sign-in",
            _WORDS,
            "a wrong password, with and without an account",
            _sign_in_words,
        ),
        Attack("page of a failed sign-in", _WORDS, "the same, as a person sees it", _sign_in_page),
        Attack(
            "words of a forgotten password",
            _WORDS,
            "a link to reset it, with and without an account",
            _forgot_words,
        ),
        Attack(
            "time of a failed sign-in",
            _TIME,
            "wrong passwords in turn, with and without an account",
            _sign_in_time,
        ),
        Attack(
            "guessing at one account",
            _GUESSES,
            "wrong passwords, one after the other",
            lambda target: _guess(target, _door(target), many_accounts=False),
        ),
        Attack(
            "guessing at many accounts",
            "CWE-307; NIST SP 800-63B, section 3.2.2",
            "a wrong password for many addresses",
            lambda target: _guess(target, _door(target), many_accounts=True),
        ),
    ),
)
