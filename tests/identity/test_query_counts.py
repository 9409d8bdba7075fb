"""How often the database is asked: what is done all the time is not to grow by the way."""

from collections.abc import Callable

import pytest

from tests.identity.browser import Browser, new_user, signed_in  # isort: skip - sets Django up
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.identity.databases import ON_POSTGRESQL
from tests.identity.program import machine, program


def _asked(do: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        do()
    return len([query for query in queries if "advisory" not in query["sql"]])


def test_a_sign_in() -> None:
    email = new_user()
    Browser().sign_in(email)
    pragma = (
        0 if ON_POSTGRESQL else 1
    )  # that tries wait for no disk: SQLite is told so besides, and not counted
    assert _asked(lambda: Browser().sign_in(email)) == 14 - pragma


def test_a_token_of_a_machine() -> None:
    report = machine()
    report.token(grant_type="client_credentials")
    assert _asked(lambda: report.token(grant_type="client_credentials")) == 3


@pytest.mark.parametrize("scope", ["openid email", "openid email offline_access"])
def test_a_refresh(scope: str) -> None:
    grafana = program(scopes=("openid", "email", "offline_access"))
    token = grafana.redeem(grafana.code(signed_in(), scope=scope)).json()["refresh_token"]
    assert _asked(lambda: grafana.token(grant_type="refresh_token", refresh_token=token)) == 5


def test_a_renewal() -> None:
    browser = signed_in()
    browser.renew()
    assert _asked(browser.renew) == 1
