"""Second factors as a person uses them, through the edge, in a real browser with an authenticator of its own."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests import mesh
from tests.mesh import Mesh
from tests.system.browser import chromium
from tests.system.shop import PASSWORD, add_user
from tests.totp import App

DESKTOP, PHONE = (1280, 800), (390, 844)
PAYOUTS = "/payouts?month=7"
SERVICE = """
import http.server, os
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = f"<!doctype html><title>x</title><h1>{self.path}</h1>".encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
"""
_names = iter(f"person{number}@example.com" for number in range(100))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh with a service that asks for a second factor below one path."""
    listen, app = mesh.free_ports(2)
    topology = f"""
mesh: proof
edge: {{listen: "127.0.0.1:{listen}"}}
services:
  echo:
    app: 127.0.0.1:{app}
    run: python service.py
    paths: [/]
    rules:
      - {{path: /payouts, mfa: true}}
"""
    folder = tmp_path_factory.mktemp("mfa") / "mesh"
    with mesh.running(folder, topology, {"service.py": SERVICE}) as started:
        yield started


@pytest.fixture
def person(running: Mesh) -> str:
    """Give the address of a new account."""
    email = next(_names)
    add_user(running, email)
    return email


@contextmanager
def visit(browser: Browser, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Page]:
    """Give a page of a new browser."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    yield context.new_page()
    context.close()


class Authenticator:
    """What a laptop has built in: it keeps passkeys, and is told whether the finger is the right one."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = added["authenticatorId"]

    def finger(self, *, right: bool) -> None:
        """Say whether it is the right one from now on."""
        told = {"authenticatorId": self._id, "isUserVerified": right}
        self._session.send("WebAuthn.setUserVerified", told)

    def forget(self) -> None:
        """Forget all passkeys."""
        self._session.send("WebAuthn.clearCredentials", {"authenticatorId": self._id})


def sign_in(page: Page, running: Mesh, email: str, wanted: str = "/") -> None:
    """Fill the form."""
    page.goto(f"{running.edge}{wanted}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, running: Mesh, name: str = "laptop") -> None:
    """Go to the page, fill the form, and see the recovery codes."""
    page.goto(f"{running.edge}/account/security/passkeys")
    page.get_by_label("What will you call it?").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url(f"{running.edge}/account/security/recovery-codes")


def amr(page: Page) -> list[str]:
    """Read how the browser's token says that its person signed in."""
    (token,) = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "pillion-token"]
    found: list[str] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["amr"]
    return found


def test_a_passkey_is_added_and_signs_in_alone(running: Mesh, browser: Browser, person: str) -> None:
    with visit(browser) as page:
        Authenticator(page)
        sign_in(page, running, person)
        page.goto(f"{running.edge}/account")
        page.get_by_role("link", name="Second factors").click()
        page.get_by_role("link", name="Add a passkey").click()
        page.get_by_label("What will you call it?").fill("my laptop")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.locator(".codes li")).to_have_count(10)
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("listitem")).to_contain_text(["my laptop"])
        page.context.clear_cookies()
        page.goto(f"{running.edge}{PAYOUTS}")
        assert "/sign-in?next=" in page.url
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(f"{running.edge}{PAYOUTS}")
        expect(page.get_by_role("heading")).to_have_text(PAYOUTS)
        assert amr(page) == ["mfa", "pop"]


def test_a_passkey_is_the_second_step_of_a_sign_in(running: Mesh, browser: Browser, person: str) -> None:
    with visit(browser) as page:
        authenticator = Authenticator(page)
        sign_in(page, running, person)
        add_passkey(page, running)
        page.context.clear_cookies()
        sign_in(page, running, person, PAYOUTS)
        expect(page.get_by_role("heading")).to_have_text("One more step")
        authenticator.finger(right=False)
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
        authenticator.finger(right=True)
        page.get_by_role("button", name="Use your passkey").click()
        page.wait_for_url(f"{running.edge}{PAYOUTS}")
        assert amr(page) == ["mfa", "pop", "pwd"]


def test_who_needs_a_second_factor_and_has_none_gets_one(
    running: Mesh, browser: Browser, person: str
) -> None:
    with visit(browser) as page:
        Authenticator(page)
        sign_in(page, running, person)
        page.goto(f"{running.edge}{PAYOUTS}")
        assert page.url == f"{running.edge}/account/step-up?next=/payouts%3Fmonth%3D7"
        page.get_by_role("link", name="Add a passkey").click()
        page.get_by_label("What will you call it?").fill("laptop")
        page.get_by_role("button", name="Add a passkey").click()
        page.wait_for_url(f"{running.edge}/account/security/recovery-codes")
        page.goto(f"{running.edge}{PAYOUTS}")
        expect(page.get_by_role("heading")).to_have_text(PAYOUTS)


def test_a_session_steps_up_where_a_rule_asks_for_it(running: Mesh, browser: Browser, person: str) -> None:
    with visit(browser) as page:
        Authenticator(page)
        sign_in(page, running, person)
        old = page.context.cookies()
        page.context.clear_cookies()
        sign_in(page, running, person)
        add_passkey(page, running)
        page.context.clear_cookies()
        page.context.add_cookies(old)  # type: ignore[arg-type]  # what it gave
        assert amr(page) == ["pwd"]
        page.goto(f"{running.edge}{PAYOUTS}")
        expect(page.get_by_role("heading")).to_have_text("Confirm that it is you")
        page.get_by_role("button", name="Use your passkey").click()
        page.wait_for_url(f"{running.edge}{PAYOUTS}")
        expect(page.get_by_role("heading")).to_have_text(PAYOUTS)
        assert amr(page) == ["mfa", "pop", "pwd"]


def test_a_browser_without_a_passkey_says_so(running: Mesh, browser: Browser) -> None:
    with visit(browser) as page:
        Authenticator(page).forget()
        page.goto(f"{running.edge}/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("No passkey was used")


def test_a_passkey_that_was_removed_is_refused_on_the_page(
    running: Mesh, browser: Browser, person: str
) -> None:
    with visit(browser) as page:
        Authenticator(page)
        sign_in(page, running, person)
        add_passkey(page, running)
        page.goto(f"{running.edge}/account/security/passkeys/remove")
        page.get_by_role("button", name="Remove laptop").click()
        page.wait_for_url(f"{running.edge}/account/security")
        page.context.clear_cookies()
        page.goto(f"{running.edge}/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert").first).to_contain_text("This passkey was not taken")


def test_an_app_works_without_javascript(running: Mesh, browser: Browser, person: str) -> None:
    with visit(browser, java_script_enabled=False) as page:
        sign_in(page, running, person)
        page.goto(f"{running.edge}{PAYOUTS}")
        page.get_by_role("link", name="Add an app").click()
        app = App(page.locator(".seed").inner_text().replace(" ", ""))
        page.get_by_label("The code that the app shows now").fill(app.code())
        page.get_by_role("button", name="Add the app").click()
        expect(page.locator(".codes li")).to_have_count(10)
        recovery = page.locator(".codes li").first.inner_text()
        page.goto(f"{running.edge}{PAYOUTS}")
        expect(page.get_by_role("heading")).to_have_text(PAYOUTS)
        page.context.clear_cookies()
        sign_in(page, running, person, PAYOUTS)
        expect(page.get_by_role("button", name="Use your passkey")).to_have_count(0)
        page.get_by_label("Code").fill(app.code(1))
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{running.edge}{PAYOUTS}"
        page.context.clear_cookies()
        sign_in(page, running, person)
        page.get_by_label("Code").fill(recovery)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{running.edge}/"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_is_wider_than_the_screen(
    running: Mesh, browser: Browser, person: str, size: tuple[int, int]
) -> None:
    with visit(browser, size) as page:
        Authenticator(page)
        sign_in(page, running, person)
        add_passkey(page, running, "a name of a passkey that is as long as names may be, " * 2)
        paths = ("", "/passkeys", "/passkeys/remove", "/totp", "/totp/remove", "/recovery-codes")
        for path in (*(f"/account/security{path}" for path in paths), "/account/confirm", "/sign-in"):
            page.goto(f"{running.edge}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
