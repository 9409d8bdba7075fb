"""The admin with what none of its pages sends: a page or some 4xx, never a 5xx, and nothing for other sites."""

from typing import Final
from urllib.parse import quote, urlencode

import pytest

from pillion.identity.models import Change, User
from tests.identity.browser import Answer, new_user
from tests.identity.operators import AUDITOR, HOME, MODELS, OPERATOR, Operator, list_of, with_role

FORM: Final = "application/x-www-form-urlencoded"
ODD: Final = (
    "x",
    "",
    "-1",
    "9" * 30,
    "a\0b",
    "\u202e",
    "é" * 2000,
    "'; DROP TABLE identity_user; --",
    "00000000-0000-0000-0000-000000000000",
    "9" * 5000,
    "%",
    "\\",
    '"',
    "\0",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "\U0010ffff",
    "../../etc/passwd",
    "{{ 7 * 7 }}",
    "1e999",
    "[]",
)
FEW: Final = ODD[:8]
QUERIES: Final = (
    "p",
    "o",
    "all",
    "e",
    "_to_field",
    "_popup",
    "_facets",
    "which",
    "confirmed",
    "is_active__exact",
    "is_active__isnull",
    "at__gte",
    "at__year",
    "what",
    "what__exact",
    "state__exact",
    "nobody__knows",
)


@pytest.fixture(scope="module")
def operator() -> Operator:
    """Give one for all that is made up."""
    return with_role(OPERATOR)


def fits(answer: Answer) -> bool:
    return answer.status in {200, 302, 303} or 400 <= answer.status < 500


@pytest.mark.parametrize("model", MODELS)
def test_odd_query_strings(operator: Operator, model: str) -> None:
    asked = [("q", value) for value in ODD] + [(name, value) for name in QUERIES for value in FEW]
    for name, value in asked:
        answer = operator.visit(f"{list_of(model)}?{urlencode({name: value})}")
        assert fits(answer), (name, value, answer.body)
        assert answer.status == 400 or "\0" not in value, (name, value)


@pytest.mark.parametrize("query", ["%", "%ff%fe", "%zz", "q=%ff", "&&&", "q=a&q=b&p=1&p=2", "a" * 8000])
def test_query_strings_that_cannot_be_read(operator: Operator, query: str) -> None:
    for model in MODELS:
        answer = operator.visit(f"{list_of(model)}?{query}")
        assert fits(answer), (model, answer.body)


@pytest.mark.parametrize("model", MODELS)
def test_odd_ids(operator: Operator, model: str) -> None:
    """As a server hands the path on: decoded."""
    for value in ODD:
        answer = operator.visit(
            f"{list_of(model)}{value.partition('?')[0]}/change/".encode().decode("latin-1")
        )
        assert fits(answer), (value, answer.body)
        assert fits(operator.visit(f"{list_of(model)}{quote(value)}/change/")), value


@pytest.mark.parametrize("model", MODELS)
def test_an_id_that_nothing_has_is_not_found(operator: Operator, model: str) -> None:
    for value in ("x", "00000000-0000-0000-0000-000000000000", "7" * 25):
        assert operator.visit(f"{list_of(model)}{value}/change/").status == 404


@pytest.mark.parametrize("page", [*map(list_of, MODELS), f"{list_of('user')}add/", HOME])
def test_odd_forms(operator: Operator, page: str) -> None:
    before = Change.objects.count()
    proof = operator.proof(list_of("user"))
    for name in (
        "action",
        "_selected_action",
        "index",
        "select_across",
        "confirmed",
        "role",
        "email",
        "roles",
    ):
        for value in FEW:
            given = {"csrfmiddlewaretoken": proof, "action": "delete", "index": "0", name: value}
            answer = sent(operator, page, urlencode(given).encode())
            assert fits(answer), (given, answer.body)
    assert Change.objects.count() == before


@pytest.mark.parametrize("page", [list_of("user"), f"{list_of('oauthclient')}add/"])
def test_bodies_that_are_no_form(operator: Operator, page: str) -> None:
    kinds = ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain", "")
    charsets = (f"{FORM}; charset={charset}" for charset in ("utf-16", "utf-7", "x"))
    for kind in (*kinds, *charsets):
        assert sent(operator, page, b"{", kind).status == 415


def test_a_form_without_the_proof_of_its_page_is_refused_in_our_words(operator: Operator) -> None:
    answer = sent(operator, list_of("user"), b"action=disable")
    assert answer.status == 403
    assert "too old, or another site sent it" in answer.body.decode()
    assert "DEBUG" not in answer.body.decode()


def test_too_many_fields(operator: Operator) -> None:
    assert sent(operator, list_of("user"), b"&".join(b"a=b" for _ in range(2000))).status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(operator: Operator, method: str) -> None:
    assert operator.ask(method, list_of("user")).status == 405


def test_djangos_forms_change_nothing(operator: Operator) -> None:
    """Not even when somebody sends what Django would take."""
    victim = new_user()
    user = User.objects.get(email=victim)
    proof = [("csrfmiddlewaretoken", operator.proof(list_of("user")))]
    fields = [*proof, ("email", "evil@example.org"), ("roles", '["x"]'), ("_save", "Save"), ("post", "yes")]
    line = Change.objects.all()[0]
    for page in (
        f"{list_of('user')}{user.pk}/change/",
        f"{list_of('user')}{user.pk}/delete/",
        f"{list_of('change')}add/",
        f"{list_of('change')}{line.pk}/change/",
        f"{list_of('change')}{line.pk}/delete/",
        f"{list_of('session')}add/",
    ):
        answer = operator.post(page, fields)
        assert 300 <= answer.status < 500, (page, answer.status)
    assert User.objects.filter(pk=user.pk, email=victim, roles=[]).exists()
    assert Change.objects.filter(pk=line.pk, actor=line.actor).exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:5173"},
        {"origin": "http://localhost:5173", "sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
    ],
)
def test_another_sites_script_reads_nothing(operator: Operator, headers: dict[str, str]) -> None:
    """Not even one of `edge.allow_origins`, which may read what else there is with the person's cookie."""
    assert operator.ask("GET", list_of("user"), b"", **headers).code == "cross-origin-request"


def test_a_link_elsewhere_may_lead_to_the_admin(operator: Operator) -> None:
    answer = operator.ask(
        "GET", list_of("user"), accept="text/html", sec_fetch_site="cross-site", sec_fetch_mode="navigate"
    )
    assert answer.status == 200


def test_the_admin_sets_no_cookie(operator: Operator) -> None:
    """The edge passes on none but its own two."""
    for page in (HOME, *map(list_of, MODELS), f"{list_of('user')}add/"):
        assert set(operator.visit(page).set_cookies) <= {"pillion-session"}


def test_who_is_an_operator_no_more_is_out_at_the_next_request() -> None:
    browser = with_role(OPERATOR)
    mine = User.objects.filter(pk=browser.claims()["sub"])
    assert browser.visit(list_of("user")).status == 200
    mine.update(roles=[])
    assert browser.visit(list_of("user")).status == 404
    mine.update(roles=[OPERATOR], is_active=False)
    assert browser.visit(list_of("user")).status in {303, 404}


def test_an_auditor_is_offered_nothing_to_change() -> None:
    browser = with_role(AUDITOR)
    for page in (*map(list_of, MODELS), f"{list_of('user')}{browser.claims()['sub']}/change/"):
        shown = browser.visit(page).body.decode()
        assert 'name="action"' not in shown
        assert "addlink" not in shown
    assert browser.visit(f"{list_of('user')}add/").status == 403


def sent(operator: Operator, page: str, body: bytes, kind: str = FORM) -> Answer:
    return operator.ask(
        "POST",
        page,
        body,
        content_type=kind,
        accept="text/html",
        sec_fetch_mode="navigate",
        sec_fetch_site="same-origin",
    )
