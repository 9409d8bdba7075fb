"""What another site makes a browser do is not done."""

from typing import Any

import pytest

from tests.identity.browser import PASSWORD, Browser, new_user, signed_in

OURS = "http://localhost:8080"
ALLOWED = "http://localhost:5173"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": OURS}, True),
        ({"origin": OURS, "sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"origin": ALLOWED, "sec_fetch_site": "cross-site"}, True),
        ({"origin": ALLOWED, "sec_fetch_site": "same-site"}, True),
        ({"origin": ALLOWED}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, False),
        ({"origin": OURS, "sec_fetch_site": "cross-site"}, False),
        ({"origin": OURS, "sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": ""}, False),
        ({"origin": ""}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://localhost:8081"}, False),
        ({"origin": "https://localhost:8080"}, False),
        ({"origin": OURS + "/"}, False),
        ({"origin": OURS + ".evil.example"}, False),
    ],
)
def test_an_unsafe_request_is_judged_by_where_it_comes_from(headers: dict[str, str], passes: bool) -> None:  # noqa: FBT001
    """Signing in and out, before a session is looked at (login CSRF)."""
    named: dict[str, Any] = headers
    answer = Browser().post_json("/sign-in", {"email": new_user(), "password": PASSWORD}, **named)
    assert answer.status == (200 if passes else 403)
    browser = signed_in()
    assert browser.ask("POST", "/sign-out", **named).status == (204 if passes else 403)
    assert bool(browser.cookies) is not passes


def test_looking_is_never_refused() -> None:
    """A link from another site leads to the page."""
    answer = Browser().ask("GET", "/sign-in", origin="https://evil.example", sec_fetch_site="cross-site")
    assert answer.status == 200


def test_a_person_sees_a_page_and_a_program_a_problem() -> None:
    """Both with 403."""
    fields = {"email": "a@example.org", "password": "x"}
    page = Browser().post_form("/sign-in", fields, sec_fetch_site="cross-site")
    assert (page.status, b"<h1>Forbidden</h1>" in page.body) == (403, True)
    answer = Browser().post_json("/sign-in", fields, sec_fetch_site="cross-site")
    assert answer.code == "cross-origin-request"
