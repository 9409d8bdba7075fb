"""What is put into the file that a program is told by, and what is not."""

import json
from typing import Any

import pytest

from pillion import environment
from pillion.environment import VariablesError

ENVIRON = {"PASSWORD": 'pri"vate${HOST}', "HOST": "db.example", "HOME": "/root"}


def test_only_what_the_file_lists_is_put_in_and_stays_inside_its_value() -> None:
    told = {
        "database": "postgresql://u:${PASSWORD}@${HOST}/d",
        "providers": [{"secret": "${PASSWORD}", "plain": "$${HOME} $$${HOST}"}],
        "${HOST}": 5,
        "environment": ["HOST", "PASSWORD"],
    }
    assert environment.complete(told, ENVIRON) == {
        "database": 'postgresql://u:pri"vate${HOST}@db.example/d',
        "providers": [{"secret": 'pri"vate${HOST}', "plain": "${HOME} $${HOST}"}],
        "${HOST}": 5,
    }


def test_a_file_that_lists_none_is_plain_text() -> None:
    told = {"password": "${HOST}$${", "list": ["${HOME"]}
    assert environment.complete(told, ENVIRON) == told
    assert environment.complete("${HOST}", ENVIRON) == "${HOST}"


@pytest.mark.parametrize("text", ["a", "${A}", "$${A}", "$$${A}", "$", "${", "$$", "a}${A:-b}$${"])
def test_what_is_escaped_means_itself(text: str) -> None:
    told = {"text": environment.escape(text), "environment": ["HOST"]}
    assert environment.complete(told, ENVIRON) == {"text": text}


def test_all_that_is_missing_is_named_at_once() -> None:
    told = {"a": "${ONE}${PASSWORD}", "environment": ["ONE", "PASSWORD", "TWO"]}
    with pytest.raises(VariablesError) as raised:
        environment.complete(told, ENVIRON | {"TWO": ""})
    assert str(raised.value) == "the environment variables ONE, TWO are not set, or empty"
    with pytest.raises(VariablesError, match="the environment variable ONE is not set, or empty"):
        environment.complete(told, ENVIRON | {"TWO": "2"})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"a": "${HOME}"}, "'${HOME}' refers to no variable that is listed under 'environment'"),
        ({"a": ["${HOST:-x}"]}, "'${HOST:-x}' refers to no variable"),
        ({"a": {"b": "${HOST"}}, "'${HOST' refers to no variable"),
        ({"environment": "HOST"}, "environment: must be a list of the names of variables"),
        ({"environment": ["A-B"]}, "environment: must be a list of the names of variables"),
        ({"environment": None}, "environment: must be a list of the names of variables"),
    ],
)
def test_what_refers_to_nothing_that_is_listed_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(VariablesError) as raised:
        environment.complete({"environment": ["HOST"]} | told, ENVIRON)
    assert said in str(raised.value)
    assert not any(value in str(raised.value) for value in ENVIRON.values())


def test_names_are_read_before_anything_is_put_in() -> None:
    assert environment.names(json.loads('{"environment": ["B", "A"]}')) == ("B", "A")
    assert environment.names({}) == environment.names([]) == ()
