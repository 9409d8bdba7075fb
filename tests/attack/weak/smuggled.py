"""Two servers in a row that read a request's length differently, with one connection between them for everybody.

The front checks who is calling; the server behind it answers whatever it finds, and the front hands the answers on
in their order: one too many is the next caller's.
"""

import json
import re
import socket
import socketserver
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

from tests.attack.weak.gateway import PROTECTED
from tests.attack.weak.server import Response

_END = b"\r\n\r\n"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEAD = 9


@dataclass
class Pair:
    """The two; the front goes `by_length` where both are said, the server behind by coding, or the other way."""

    by_length: bool
    between: bytes = b""
    answers: deque[bytes] = field(default_factory=deque)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def passed(self, data: bytes) -> bytes:
        """Hand one request on, as the front reads it; gives the answer that comes first."""
        head, _, rest = data.partition(_END)
        line = head.partition(b"\r\n")[0].decode("latin-1")
        if PROTECTED in line and not re.search(rb"(?i)\r\n(authorization|cookie):", head):
            return Response(401).written()
        return self.handed_on(head + _END + rest[: self._front_length(head.decode("latin-1"), rest)])

    def handed_on(self, data: bytes) -> bytes:
        """Hand bytes on to the server behind; gives the answer that comes first."""
        with self.turn:
            self.between += data
            while (found := self._behind()) is not None:
                self.answers.append(found)
            return self.answers.popleft() if self.answers else Response(400).written()

    def _front_length(self, head: str, rest: bytes) -> int:
        """Find where the front takes the body to end: the last number of a length, chunks of any spelling."""
        lengths = re.findall(r"(?im)^content-length: (.*?)\r?$", head)
        chunked = re.search(r"(?m)^Transfer-Encoding: chunked\r?$", head)
        if chunked and (not self.by_length or not lengths):
            return _chunks(rest, line_end=rb"\r?\n", size=lambda text: _numbers(text, 16)[-1])
        if not lengths:
            return 0
        numbers = [_numbers(text, 10) for text in lengths]
        return numbers[-1][-1] if self.by_length else numbers[0][0]

    def _behind(self) -> bytes | None:
        """Read and answer one request of those that wait, as the server behind reads it; None if none is whole."""
        head, found, rest = self.between.lstrip(b"\r\n").partition(_END)
        if not found:
            return None
        first, *lines = re.split(r"\r\n|\r|\n", head.decode("latin-1"))
        self.between = rest[self._length_behind(lines, rest) :]
        path = first.split(" ")[1] if " " in first else ""
        document: dict[str, Any] = {"things": []} if path.startswith(PROTECTED) else {"open": True}
        return Response(200, json.dumps(document).encode()).written()

    def _length_behind(self, lines: list[str], rest: bytes) -> int:
        """Find where the server behind takes the body to end: whatever looks like chunked, the digits in front."""
        said = " ".join(lines).lower()
        lengths = [
            line.partition(":")[2].strip() for line in lines if line.lower().startswith("content-length")
        ]
        chunked = re.search("transfer.encoding", said) and "chunked" in said
        if chunked and (self.by_length or not lengths):
            return _chunks(rest, line_end=rb"\r\n", size=lambda text: _digits(text, 16))
        if not lengths:
            return 0
        return _digits(lengths[0] if self.by_length else lengths[-1].rpartition(",")[2].strip(), 10)


def _digits(text: str, base: int) -> int:
    found = re.match("[0-9a-f]*" if base == 16 else "[0-9]*", text)
    return int(found[0], base) if found and found[0] else 0


def _numbers(text: str, base: int) -> list[int]:
    found = re.findall(r"0x[0-9a-f]+|[0-9a-f]+" if base == 16 else r"0x[0-9a-f]+|[0-9]+", text)
    return [int(number, 16 if number.startswith("0x") else base) for number in found] or [0]


def _chunks(rest: bytes, line_end: bytes, size: Callable[[str], int]) -> int:
    """Find where a chunked body ends, reading each size as `size` does."""
    at = 0
    while found := re.compile(line_end).search(rest, at):
        count = size(rest[at : found.start()].decode("latin-1").partition(";")[0].lower())
        at = found.end() + count + 2
        if count == 0:
            break
    return min(at, len(rest))


@contextmanager
def serving(*, by_length: bool) -> Iterator[int]:
    """Serve at a port of loopback, which is given, until the block ends."""
    pair = Pair(by_length)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(5)
            with suppress(OSError):
                data = connection.recv(65536)
                if data.startswith(b"PRI"):
                    _down(connection, data, pair)
                elif data:
                    connection.sendall(pair.passed(data))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _down(connection: socket.socket, data: bytes, pair: Pair) -> None:
    """Read HTTP/2, and write it as HTTP/1 without a second look, at lengths least of all."""
    while not _is_whole(data):
        more = connection.recv(65536)
        if not more:
            return
        data += more
    headers: list[tuple[str, str]] = []
    body = b""
    for frame in _frames(data):
        if isinstance(frame, HeadersFrame):
            headers = [(_text(name), _text(value)) for name, value in Decoder().decode(frame.data, raw=True)]
        elif isinstance(frame, DataFrame):
            body += frame.data
    answer = pair.handed_on(_written(headers, body))
    head = Encoder().encode([(":status", answer.split(b" ")[1].decode())])
    connection.sendall(
        SettingsFrame(0).serialize()
        + HeadersFrame(1, data=head, flags=["END_HEADERS"]).serialize()
        + DataFrame(1, data=answer.partition(_END)[2], flags=["END_STREAM"]).serialize()
    )


def _is_whole(data: bytes) -> bool:
    return any("END_STREAM" in frame.flags for frame in _frames(data))


def _frames(data: bytes) -> Iterator[Frame]:
    """Read the frames that are whole (RFC 9113, section 4.1)."""
    rest = data[len(_PREFACE) :]
    while len(rest) >= _FRAME_HEAD:
        frame, length = Frame.parse_frame_header(memoryview(rest[:_FRAME_HEAD]))
        if len(rest) < _FRAME_HEAD + length:
            return
        frame.parse_body(memoryview(rest[_FRAME_HEAD : _FRAME_HEAD + length]))
        rest = rest[_FRAME_HEAD + length :]
        yield frame


def _text(raw: bytes | str) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw


def _written(headers: list[tuple[str, str]], body: bytes) -> bytes:
    found = dict(headers)
    lines = [f"{found[':method']} {found[':path']} HTTP/1.1", f"host: {found[':authority']}"]
    lines += [f"{name}: {value}" for name, value in headers if not name.startswith(":")]
    if not {"content-length", "transfer-encoding"} & found.keys():
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body
