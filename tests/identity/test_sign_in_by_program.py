"""Programs' sign-ins are answered before Django's handler: as Django's would be, whatever comes."""

import pytest

from pillion.identity import sign_in_by_program
from tests.identity.browser import PASSWORD, Answer, Browser, new_user

AS_A_PROGRAM = {"accept": "*/*", "sec_fetch_mode": "cors"}


def _form(email: str, password: str = PASSWORD, **headers: str) -> Answer:
    """Sign in by what goes through Django, and answers the same: a program's form."""
    return Browser().post_form("/sign-in", {"email": email, "password": password}, **AS_A_PROGRAM, **headers)


def _headers(answer: Answer) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in answer.headers
        if name.lower() not in {"set-cookie", "content-length"}
    }


def _attributes(line: str) -> set[str]:
    """Give a cookie's attributes; what Max-Age says already Django says again in Expires."""
    return {part.strip() for part in line.split(";")[1:] if "expires" not in part.lower()}


@pytest.mark.parametrize("password", [PASSWORD, "wrong wrong wrong", ""])
def test_the_answer_is_the_one_that_django_gives(password: str) -> None:
    ours, djangos = Browser().sign_in(new_user(), password), _form(new_user(), password)
    assert ours.status == djangos.status
    assert _headers(ours) == _headers(djangos)
    assert set(ours.json()) == set(djangos.json())
    assert set(ours.set_cookies) == set(djangos.set_cookies)
    for name, line in ours.set_cookies.items():
        assert _attributes(line) == _attributes(djangos.set_cookies[name])


def test_a_mistake_of_ours_is_a_problem_and_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise LookupError("what nobody foresaw")

    monkeypatch.setattr(sign_in_by_program, "sign_in", fails)
    answer = Browser().sign_in(new_user())
    assert (answer.status, answer.code) == (500, "internal-error")
    assert b"foresaw" not in answer.body


def test_what_another_site_has_a_browser_send_is_refused() -> None:
    """Login CSRF: there, too."""
    answer = Browser().post_json(
        "/sign-in", {"email": new_user(), "password": PASSWORD}, origin="https://evil.example"
    )
    assert (answer.status, answer.code) == (403, "cross-origin-request")
    assert answer.set_cookies == {}
