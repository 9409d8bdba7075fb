"""Whatever the file holds, reading it ends in a topology, or in problems that stand inside the file."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from pillion.problem import InvalidInputError, Problem
from pillion.topology import load
from pillion.topology.source import line_lengths

GOOD: Final = Path(__file__).parent / "good"
TEXT: Final = (GOOD / "interface.yaml").read_text(encoding="utf-8")
TOKENS: Final = re.findall(r"\s+|[\w./-]+|.", TEXT)
INSTEAD: Final = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "-",
        "- ",
        ": ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!x ",
        "|",
        ">",
        "'",
        '"',
        "#",
    ),
    *(
        "null",
        "true",
        "0",
        "1e9",
        "~",
        "<<",
        "?",
        "%",
        "@",
        "`",
        "---",
        "...",
        "${",
        "${X}",
        "$${",
        "\ufeff",
        "\x85",
    ),
    *(
        "\u2028",
        "\x00",
        "\ud800",
        "ünï",
        "9" * 5000,
        "a" * 300,
        "/",
        "//",
        "..",
        "services",
        "orders",
        "[key]",
    ),
)
SECRET: Final = "correct-horse"


def _is_read_or_refused_with_places(path: Path, raw: bytes, environ: Mapping[str, str]) -> None:
    path.write_bytes(raw)
    lengths = line_lengths(raw.decode("utf-8-sig", errors="replace"))
    for problem in _problems(path, environ):
        assert 1 <= problem.place.line <= len(lengths), problem
        assert 1 <= problem.place.column <= lengths[problem.place.line - 1] + 1, problem
        assert str(problem).isprintable(), problem
        assert SECRET not in str(problem).lower(), problem


def _problems(path: Path, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    try:
        load(path, environ)
    except InvalidInputError as error:
        return error.problems or pytest.fail("refused without a reason")
    return ()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _mutations(seed: int) -> Iterator[bytes]:
    """Yield the good file with one to three tokens left out, doubled, replaced or swapped."""
    rng = random.Random(seed)
    for _ in range(200):
        tokens = list(TOKENS)
        for _ in range(rng.randint(1, 3)):
            i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
            match rng.randrange(4):
                case 0:
                    tokens[i] = ""
                case 1:
                    tokens.insert(j, tokens[i])
                case 2:
                    tokens[i] = rng.choice(INSTEAD)
                case _:
                    tokens[i], tokens[j] = tokens[j], tokens[i]
        yield _encode("".join(tokens))


@pytest.mark.parametrize("seed", range(4))
def test_mistyped_files_never_break_the_reader(seed: int, tmp_path: Path) -> None:
    for raw in _mutations(seed):
        _is_read_or_refused_with_places(tmp_path / "pillion.yaml", raw, {"X": SECRET})


def test_a_file_cut_short_anywhere_never_breaks_the_reader(tmp_path: Path) -> None:
    raw = TEXT.encode()
    for length in range(len(raw)):
        _is_read_or_refused_with_places(tmp_path / "pillion.yaml", raw[:length], {})


def test_random_bytes_never_break_the_reader(tmp_path: Path) -> None:
    rng = random.Random(20)
    for _ in range(200):
        raw = bytearray(TEXT.encode())
        for _ in range(rng.randint(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        _is_read_or_refused_with_places(tmp_path / "pillion.yaml", bytes(raw), {})
    for _ in range(100):
        _is_read_or_refused_with_places(tmp_path / "pillion.yaml", rng.randbytes(rng.randint(0, 60)), {})


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"/{SECRET}",
        f"/{SECRET}/",
        f"/x/../{SECRET}",
        f"http://{SECRET}",
        f"HTTPS://{SECRET}/x",
        f"https://{SECRET}:0",
        f"postgresql://{SECRET}:{SECRET}@[",
        f"127.0.0.1:{SECRET}",
        f"{SECRET}:7001",
        f"[::1%{SECRET}]:7001",
        f"unix:{SECRET}",
        f"unix:/{SECRET * 20}",
        f"'{SECRET}",
        f"{SECRET.upper()} {SECRET}",
        f"{SECRET}]: {{",
        f"{SECRET}\n{SECRET}\a",
        f"{SECRET}\udcff",
        f"{{written}} ${{{SECRET}}}",
        "",
    ],
)
def test_a_value_from_the_environment_is_in_no_message(value: str, tmp_path: Path) -> None:
    """Put a variable in the place of each word of the good files, alone or after what stands there."""
    for good in (GOOD / "interface.yaml", GOOD / "public.yaml"):
        text = good.read_text(encoding="utf-8")
        for match in re.finditer(r"(?<=[ \[])[^\s,\[\]{}#]+(?=[\s,\]}])", text):
            kept = match[0] if (match.start() + len(value)) % 2 else ""
            changed = f"{text[: match.start()]}'{kept}${{X}}'{text[match.end() :]}"
            environ = {
                "X": value,
                "SECRET": SECRET,
                "PORT": "7010",
                "MESH": "m",
                "TRICKY": "t",
                "EMPTY": "",
            }
            _is_read_or_refused_with_places(tmp_path / "pillion.yaml", changed.encode(), environ)
