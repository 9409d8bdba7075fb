"""What stands in place of a variable."""

import pytest

from pillion.topology.variables import fill


@pytest.mark.parametrize(
    ("text", "environ", "filled"),
    [
        ("${HOST:-localhost}:${PORT:-8080}", {}, "localhost:8080"),
        ("${HOST:-localhost}:${PORT:-8080}", {"HOST": "shop.example", "PORT": ""}, "shop.example:8080"),
        ("${NOTHING:-}", {}, ""),
        ("${URL:-http://localhost:8080/?a=:-b}", {}, "http://localhost:8080/?a=:-b"),
        ("$${HOST:-localhost}", {"HOST": "shop.example"}, "${HOST:-localhost}"),
        # A value is put in as it is, whatever it looks like.
        ("${ONE:-1}", {"ONE": "${TWO:-2}", "TWO": "3"}, "${TWO:-2}"),
    ],
)
def test_a_default_stands_for_what_is_missing_or_empty(
    text: str, environ: dict[str, str], filled: str
) -> None:
    assert fill(text, environ).text == filled
    assert not fill(text, environ).mistakes


@pytest.mark.parametrize(
    "text", ["${:-x}", "${A-B:-x}", "${NAME:-x", "${NAME:=x}", "${NAME:+x}", "${NAME-x}"]
)
def test_what_only_looks_like_a_variable_is_a_mistake(text: str) -> None:
    [(code, message)] = fill(text, {"NAME": "private"}).mistakes
    assert code == "bad-variable"
    assert "private" not in message
