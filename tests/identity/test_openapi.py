"""docs/openapi.yaml says what identity does: whatever is made up after it, the answer is one that stands in it.

As a program sends it, and as a browser does for a person: then there is a page, or the way to one.
"""

import base64
import re
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.identity.browser import Browser, signed_in  # isort: skip - sets Django up
from django.conf import settings as django
from django.urls import get_resolver

from pillion.identity.config import Provider
from pillion.identity.models import Tries
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import GRANT_NAMES, Wanted
from pillion.identity.views.account import ADMIN_PATH
from pillion.identity.wsgi import application
from pillion.vocabulary import AUTHORIZE_PATH, CLIENT_PATHS, LOGOUT_PATH
from tests.identity.program import CALLBACK, Program

DESCRIPTION: Final = Path(__file__).parents[2] / "docs" / "openapi.yaml"
GITHUB: Final = "github"
PROGRAM: Final = {"Accept": "application/json"}
PERSON: Final = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}

description = schemathesis.openapi.from_path(DESCRIPTION)
description.app = application
OPERATIONS: Final = [found.ok() for found in description.get_all_operations() if isinstance(found, Ok)]

pytestmark = pytest.mark.usefixtures("mail", "github")


@pytest.fixture
def github(mail: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it configures, too
    """Have a provider that need not be asked where its people are sent."""
    told = {"providers": (Provider(name=GITHUB, client_id="shop", client_secret="x"),)}
    monkeypatch.setattr(django, "PILLION", django.PILLION.model_copy(update=told))


class Somebody:
    """Who is signed in and has a program; another one when what was made up before has ended that session."""

    def __init__(self) -> None:
        self._browser: Browser | None = None
        wanted = Wanted(
            "made up",
            redirect_uris=(CALLBACK,),
            grants=tuple(GRANT_NAMES),
            scopes=("openid", "x"),
        )
        client, secret = client_care.add(wanted)
        self.program = Program(client.client_id, secret)

    @property
    def browser(self) -> Browser:
        """The browser."""
        if self._browser is None or not self._browser.renew()["Authorization"]:
            self._browser = signed_in()
        return self._browser

    def authorization(self, path: str) -> str:
        """Give the header that goes with a path: the program's secret, or the token that the edge sends on."""
        if path not in CLIENT_PATHS:
            return f"Bearer {self.browser.cookies['pillion-token']}"
        pair = f"{self.program.client_id}:{self.program.secret}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def complete(self, case: schemathesis.Case[Any]) -> None:
        """Let every second request of a program be one that gets as far as what else was made up."""
        if case.path in {AUTHORIZE_PATH, LOGOUT_PATH} and case.method == "GET" and len(case.query) % 2:
            case.query = {**self.program.request(), **case.query, "client_id": self.program.client_id}
            case.query["redirect_uri"] = CALLBACK
        if "name" in case.path_parameters and len(case.path_parameters["name"]) % 2:
            case.path_parameters["name"] = GITHUB
        if isinstance(case.body, dict) and "provider" in case.body and len(case.body) % 2:
            case.body["provider"] = GITHUB


@pytest.fixture(scope="module")
def somebody() -> Somebody:
    """Give one for all that is made up."""
    return Somebody()


def test_every_path_stands_in_the_description_and_no_other() -> None:
    patterns = (str(pattern.pattern) for pattern in get_resolver().url_patterns)
    served = {"/" + re.sub("<[a-z]+:([a-z]+)>", r"{\1}", pattern) for pattern in patterns}
    served.remove(ADMIN_PATH)  # Django's pages, for people alone; test_admin.py asks them odd questions
    assert set(description.raw_schema["paths"]) == served


@pytest.mark.parametrize("operation", OPERATIONS, ids=[one.label for one in OPERATIONS])
def test_what_is_made_up_gets_an_answer_that_stands_in_the_description(
    operation: APIOperation[Any, Any, Any, Any], somebody: Somebody
) -> None:
    takes_something = list(operation.query) or list(operation.body)
    kinds = list(schemathesis.GenerationMode) if takes_something else [schemathesis.GenerationMode.POSITIVE]

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,  # a fault is found by who made it, not by whoever comes next
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategies.one_of(*(operation.as_strategy(generation_mode=kind) for kind in kinds)))
    def ask(case: schemathesis.Case[Any]) -> None:
        _ask(case, somebody)

    ask()


def _ask(case: schemathesis.Case[Any], somebody: Somebody) -> None:
    Tries.objects.all().delete()
    somebody.complete(case)
    for caller in (PROGRAM, PERSON):
        headers = {**caller, "Authorization": somebody.authorization(case.path), "Host": "localhost:8080"}
        answer = case.call(headers=headers, cookies=somebody.browser.cookies)
        case.validate_response(answer, checks=[not_a_server_error])
        if caller is PROGRAM:
            case.validate_response(
                answer,
                checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
            )
