"""The authorization endpoint: who is sent where, who is asked, and who is told of what went wrong."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.utils import timezone

from tests.identity.browser import PASSWORD, Answer, Browser, new_user, signed_in  # isort: skip - sets Django up
from pillion.identity import limits
from pillion.identity.models import OAuthConsent, Session
from tests.identity.program import CALLBACK, MESH, Program, claims, program, query

LOOPBACK = "http://127.0.0.1/callback"


def hidden(page: Answer) -> dict[str, str]:
    """Read what a page's form holds."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.body.decode())
    return {name: unescape(value) for name, value in found}


def decide(browser: Browser, page: Answer, decision: str, **changes: str) -> Answer:
    """Press a button of the consent page."""
    return browser.post_form("/oauth2/consent", {**hidden(page), "decision": decision, **changes})


def told(answer: Answer, error: str) -> dict[str, str]:
    """Look at an error that the client is told."""
    assert answer.status == 303, answer.body
    assert answer["location"].startswith(CALLBACK), answer["location"]
    found = query(answer)
    assert (found["error"], found["state"], found["iss"]) == (error, "a state", "http://localhost:8080")
    assert "code" not in found
    return found


def page(answer: Answer) -> None:
    """Look at an error that nobody but the person is told."""
    assert answer.status == 400, answer.body
    assert "location" not in {name.lower() for name, _ in answer.headers}
    assert b"<h1>Bad Request</h1>" in answer.body


@pytest.mark.parametrize(
    "uri",
    [
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#x",
        CALLBACK.upper(),
        CALLBACK.replace("https", "http"),
        "https://grafana.example:443/callback",
        "https://grafana.example@evil.example/callback",
        "https://evil.example/callback",
        "https://grafana.example/callback/../x",
        "//grafana.example/callback",
        "javascript:alert(1)",
        "https://grafana.example/callbac%6b",
        f"{CALLBACK}\\",
        f"{CALLBACK} ",
        'https://grafana.example/"',
        "ü",
    ],
)
def test_an_answer_goes_exactly_where_it_was_registered_to_go(uri: str) -> None:
    page(program().authorize(signed_in(), redirect_uri=uri))
    page(program().authorize(signed_in(), redirect_uri=uri, response_type="x"))


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("http://127.0.0.1:53123/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:53123/else", False),
        ("http://127.0.0.2:53123/callback", False),
        ("http://localhost:53123/callback", False),
        ("http://127.0.0.1:53123@evil.example/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("https://127.0.0.1:53123/callback", False),
        ("http://2130706433/callback", False),
        ("http://[::1]:53123/callback", False),
    ],
)
def test_an_app_on_ones_own_machine_may_listen_on_any_port(uri: str, *, good: bool) -> None:
    """RFC 8252, section 7.3: of a loopback address, and of that alone."""
    answer = program(redirect_uris=(LOOPBACK,)).authorize(signed_in(), redirect_uri=uri)
    assert (answer.status == 303 and answer["location"].startswith(f"{uri}?")) == good


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'x"\\'}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "x"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "orders:write"}, "invalid_scope"),
        ({"resource": "https://partner.example"}, "invalid_target"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"acr_values": "mfa", "prompt": "none"}, "unmet_authentication_requirements"),
    ],
)
def test_what_is_wrong_the_client_is_told(parameters: dict[str, str], error: str) -> None:
    told(program().authorize(signed_in(), **parameters), error)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "client_id=nobody&response_type=code",
        "client_id=nobody",
        "response_type=code",
        "client_id=%00&response_type=code",
        "client_id=%ff",
        "a=1&a=2",
        "&".join(f"a{n}=1" for n in range(99)),
        "client_id=" + "x" * 9000,
    ],
)
def test_nobody_is_sent_anywhere_by_who_is_not_known(sent: str) -> None:
    page(signed_in().ask("GET", f"/oauth2/authorize?{sent}", accept="text/html"))


def test_a_parameter_that_stands_twice_is_refused() -> None:
    grafana = program()
    for name, value in grafana.request().items():
        sent = urlencode([*grafana.request().items(), (name, value)])
        page(signed_in().ask("GET", f"/oauth2/authorize?{sent}", accept="text/html"))


def sign_in_page(answer: Answer) -> str:
    """Give where somebody who is sent to sign in goes on."""
    assert answer.status == 303, answer.body
    assert answer["location"].startswith("/sign-in?next="), answer["location"]
    return query(answer)["next"]


def test_who_is_not_signed_in_signs_in_and_comes_back_with_a_code() -> None:
    browser, grafana = Browser(), program()
    there = sign_in_page(grafana.authorize(browser, state='{"a": "b c&d=ü"}'))
    form = {"email": new_user(), "password": PASSWORD, "next": there}
    answer = browser.post_form("/sign-in", form)
    assert answer.status == 303
    answer = browser.ask("GET", answer["location"], accept="text/html")
    assert query(answer)["state"] == '{"a": "b c&d=ü"}'
    assert grafana.redeem(query(answer)["code"]).status == 200


def test_a_very_long_request_is_told_so_and_not_lost_on_the_way() -> None:
    browser, grafana = Browser(), program()
    there = sign_in_page(grafana.authorize(browser, state="x" * 3000))
    assert (
        browser.post_form("/sign-in", {"email": new_user(), "password": PASSWORD, "next": there})["location"]
        != "/"
    )
    answer = grafana.authorize(Browser(), state="x" * 7000)
    assert query(answer)["error"] == "invalid_request"


def test_without_a_page_nobody_signs_in() -> None:
    grafana = program()
    told(grafana.authorize(Browser(), prompt="none"), "login_required")
    assert "code" in query(grafana.authorize(signed_in(), prompt="none"))


def prove_again(browser: Browser, answer: Answer, path: str) -> Answer:
    """Do what a page asks for, and come back."""
    assert answer["location"].startswith(f"{path}?next="), answer["location"]
    form = {"email": browser.me().json()["email"], "password": PASSWORD, "next": query(answer)["next"]}
    answer = browser.post_form(path, form)
    assert answer.status == 303, answer.body
    return browser.ask("GET", answer["location"], accept="text/html")


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"prompt": "login"}, "/account/confirm"),
        ({"max_age": "0"}, "/account/confirm"),
        ({"prompt": "select_account"}, "/sign-in"),
    ],
)
def test_a_program_can_ask_that_somebody_proves_again_who_they_are(
    parameters: dict[str, str], path: str
) -> None:
    """Once, and not again and again: what asked for it is content then."""
    browser, grafana = signed_in(), program()
    Session.objects.update(auth_time=timezone.now() - timedelta(minutes=5))
    before = timezone.now().timestamp()
    answer = prove_again(browser, grafana.authorize(browser, **parameters), path)
    assert claims(grafana.redeem(query(answer)["code"]).json()["id_token"])["auth_time"] >= int(before)


def test_how_long_ago_somebody_signed_in_counts() -> None:
    browser, grafana = signed_in(), program()
    Session.objects.update(auth_time=timezone.now() - timedelta(minutes=5))
    assert "code" in query(grafana.authorize(browser, max_age="600"))
    assert grafana.authorize(browser, max_age="60")["location"].startswith("/account/confirm?next=")
    told(grafana.authorize(browser, max_age="60", prompt="none"), "login_required")


@pytest.mark.parametrize("since", ["1", "99999999999", "x", "-1", ""])
def test_nobody_passes_for_freshly_signed_in_by_writing_so(since: str) -> None:
    browser, grafana = signed_in(), program()
    Session.objects.update(auth_time=timezone.now() - timedelta(hours=1))
    answer = grafana.authorize(browser, prompt="login", pillion_since=since)
    assert answer["location"].startswith("/account/confirm?next=")


def test_a_hint_of_another_user_asks_for_that_one() -> None:
    one, two, grafana = signed_in(), signed_in(), program()
    hint = grafana.tokens(one)["id_token"]
    assert "code" in query(grafana.authorize(one, id_token_hint=hint, prompt="none"))
    told(grafana.authorize(two, id_token_hint=hint, prompt="none"), "login_required")


def third_party(**wanted: object) -> Program:
    """Register somebody else's program."""
    return program(name="Partner <b>", first_party=False, **wanted)


def test_somebody_elses_program_is_allowed_by_the_user_once() -> None:
    browser, partner = signed_in(), third_party()
    told(partner.authorize(browser, prompt="none"), "consent_required")
    asked = partner.authorize(browser)
    assert asked.status == 200
    text = asked.body.decode()
    assert "Partner &lt;b&gt;" in text
    assert "See your email address" in text
    assert f"Act for you at {MESH}" in text
    answer = decide(browser, asked, "allow")
    assert partner.redeem(query(answer)["code"]).status == 200
    assert "code" in query(partner.authorize(browser, prompt="none"))
    assert partner.authorize(browser, prompt="consent").status == 200
    assert partner.authorize(signed_in()).status == 200, "somebody else is asked"


def test_who_does_not_allow_it_is_not_asked_to_explain() -> None:
    browser, partner = signed_in(), third_party()
    told(decide(browser, partner.authorize(browser), "deny"), "access_denied")
    told(decide(browser, partner.authorize(browser), "else"), "access_denied")
    assert not OAuthConsent.objects.filter(client=partner.client_id).exists()


def test_more_than_was_allowed_is_asked_for_again() -> None:
    browser, partner = signed_in(), third_party(scopes=("openid", "email", "roles"))
    decide(browser, partner.authorize(browser, scope="openid"), "allow")
    assert "code" in query(partner.authorize(browser, scope="openid"))
    assert partner.authorize(browser, scope="openid roles").status == 200


@pytest.mark.parametrize("uri", [LOOPBACK, "com.example.app:/callback"])
def test_what_any_program_could_take_for_itself_is_asked_each_time(uri: str) -> None:
    """RFC 8252, section 8.6."""
    browser, app = signed_in(), third_party(public=True, redirect_uris=(uri,))
    answer = decide(browser, app.authorize(browser), "allow")
    assert app.redeem(query(answer)["code"]).status == 200
    assert app.authorize(browser).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"session": "x"},
        {"session": ""},
        {"request": ""},
        {"request": "client_id=nobody&response_type=code"},
    ],
)
def test_a_decision_counts_for_what_the_page_showed_to_whom_it_showed_it(change: dict[str, str]) -> None:
    browser, partner = signed_in(), third_party()
    answer = decide(browser, partner.authorize(browser), "allow", **change)
    assert answer.status in {200, 400}, "asked again, or refused"
    assert not OAuthConsent.objects.filter(client=partner.client_id).exists()


def test_a_decision_of_who_signed_in_meanwhile_is_asked_for_again() -> None:
    browser, partner = signed_in(), third_party()
    asked = partner.authorize(browser)
    browser.sign_in(new_user())
    assert decide(browser, asked, "allow").status == 200
    assert not OAuthConsent.objects.filter(client=partner.client_id).exists()


def test_another_site_cannot_press_the_button() -> None:
    browser, partner = signed_in(), third_party()
    form = {**hidden(partner.authorize(browser)), "decision": "allow"}
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert browser.post_form("/oauth2/consent", form, **headers).status == 403
    assert not OAuthConsent.objects.filter(client=partner.client_id).exists()


def test_a_decision_cannot_lead_elsewhere_than_the_client_is_registered() -> None:
    browser, partner = signed_in(), third_party()
    form = hidden(partner.authorize(browser))
    changed = form["request"].replace("grafana.example", "evil.example")
    page(decide(browser, partner.authorize(browser), "allow", request=changed))


def test_a_request_may_be_posted_and_is_asked_again_as_a_get() -> None:
    """From another site no cookie comes along with a POST (OpenID Connect Core, section 3.1.2.1)."""
    grafana = program()
    answer = Browser().post_form("/oauth2/authorize", grafana.request(), sec_fetch_site="cross-site")
    assert answer.status == 303
    there = urlsplit(answer["location"])
    assert there.path == "/oauth2/authorize"
    assert {name: values[0] for name, values in parse_qs(there.query).items()} == grafana.request()


def test_out_of_our_own_form_a_page_leads_on_since_a_policy_forbids_a_redirect() -> None:
    browser, partner = signed_in(), third_party()
    form = {**hidden(partner.authorize(browser)), "decision": "allow"}
    ours = {"sec_fetch_site": "same-origin", "sec_fetch_dest": "document"}
    answer = browser.post_form("/oauth2/consent", form, **ours)
    assert answer.status == 200
    assert "form-action 'self'" in answer["content-security-policy"]
    found = re.search(r'content="0;url=([^"]+)"', answer.body.decode())
    assert found
    assert unescape(found[1]).startswith(f"{CALLBACK}?code=")


def test_who_fetches_codes_without_end_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a session that every Envoy may have to be told of."""
    monkeypatch.setitem(limits.RATES, "session-per-account", limits.Rate(4, 3600))  # 120 take long
    browser, grafana = signed_in(), program()
    assert [grafana.authorize(browser).status for _ in range(4)] == [303, 303, 303, 429]


def test_without_a_redirect_uri_the_only_one_counts() -> None:
    browser, grafana = signed_in(), program()
    code = query(grafana.authorize(browser, redirect_uri=""))["code"]
    assert grafana.redeem(code, redirect_uri="").status == 200
    two = program(redirect_uris=(CALLBACK, f"{CALLBACK}/2"))
    page(two.authorize(browser, redirect_uri=""))


def test_a_program_can_ask_for_a_second_factor() -> None:
    """RFC 9470: who has shown none is led to where it is shown; who has is let through, and `acr` says so."""
    browser, grafana = signed_in(), program()
    answer = grafana.authorize(browser, acr_values="else mfa")
    assert answer["location"].startswith("/account/step-up?next=%2Foauth2%2Fauthorize")
    Session.objects.filter(sid=browser.me().json()["session"]).update(amr=["mfa", "otp", "pwd"])
    said = claims(grafana.tokens(browser, acr_values="mfa")["id_token"])
    assert (said["acr"], said["amr"]) == ("mfa", ["mfa", "otp", "pwd"])
