"""Lines from bytes, and the files that keep them."""

from pathlib import Path

import pytest

from pillion.local import output
from pillion.local.output import Lines, LogFile, harmless


def cut(*parts: bytes) -> list[str]:
    received: list[str] = []
    lines = Lines(received.append)
    for part in parts:
        lines.feed(part)
    lines.close()
    return received


def test_lines_are_whole_however_the_bytes_arrive() -> None:
    assert cut(b"on", b"e\ntw", b"o\r\n\nthree") == ["one", "two", "", "three"]
    assert cut("grüße\n".encode()[:3], "grüße\n".encode()[3:]) == ["grüße"]
    assert cut(b"\xff\n") == ["\ufffd"]


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    assert [len(piece) for piece in cut(b"x" * (2 * output.LONGEST_LINE + 5))] == [
        output.LONGEST_LINE,
        output.LONGEST_LINE,
        5,
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\x08c", "a\\rb\\x08c"),
        ("\x9b2J", "\\x9b2J"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(said: str, shown: str) -> None:
    assert harmless(said) == shown


def test_a_log_file_keeps_one_older_file_and_never_grows_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LARGEST", 1000)
    path = tmp_path / "orders.log"
    log = LogFile(path)
    for number in range(200):
        log.write(f"line {number}")
    log.close()
    assert {file.name for file in tmp_path.iterdir()} == {"orders.log", "orders.log.1"}
    assert all(file.stat().st_size < 1100 for file in tmp_path.iterdir())
    assert path.read_text(encoding="utf-8").endswith(" line 199\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_does_not_stop_anything(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "no such folder" / "orders.log")
    log.write("lost")
    log.close()
