"""The pages of the provider in a real browser, which enforces what our policy says of forms."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.edge.edge_mesh import USER, EdgeMesh
from tests.oauth.program import add, listening
from tests.system.browser import chromium
from tests.system.shop import PASSWORD

SIZES = ((1280, 800), (390, 844))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def _sign_in(page: Page) -> None:
    page.get_by_label("Email").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _there(mesh: EdgeMesh, client_id: str, callback: str, **more: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback,
        "scope": "openid email",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{mesh.edge}/oauth2/authorize?{urlencode(asked)}"


def test_somebody_signs_in_allows_a_program_and_is_back_there(mesh: EdgeMesh, page: Page) -> None:
    """Out of a form, over redirects, to another origin: that is what `form-action` would forbid."""
    with listening() as (origin, heard):
        callback = f"{origin}/callback"
        program = add(mesh, "Partner's tool", "--redirect-uri", callback)
        page.goto(_there(mesh, program["client_id"], callback))
        _sign_in(page)
        expect(page.get_by_role("heading")).to_have_text("Allow Partner's tool?")
        page.get_by_role("button", name="Allow", exact=True).click()
        page.wait_for_url(re.compile(re.escape(callback)))
        expect(page).to_have_title("the program")
        assert [path for path, _ in heard if re.match(r"/callback\?code=[\w-]{43}&iss=http", path)]


def test_a_program_of_ours_needs_no_second_page(mesh: EdgeMesh, page: Page) -> None:
    with listening() as (origin, _):
        callback = f"{origin}/callback"
        program = add(mesh, "Ours", "--first-party", "--redirect-uri", callback)
        page.goto(_there(mesh, program["client_id"], callback))
        _sign_in(page)
        page.wait_for_url(re.compile(re.escape(callback)))
        page.goto(_there(mesh, program["client_id"], callback, prompt="none"))
        page.wait_for_url(re.compile(rf"{re.escape(callback)}\?code="))


def test_somebody_connects_a_device(mesh: EdgeMesh, page: Page) -> None:
    words = ("--public", "--grant", "device_code")
    program = add(mesh, "Television", *words)
    begun = httpx.post(
        f"{mesh.edge}/oauth2/device_authorization", data={"client_id": program["client_id"]}
    ).json()
    page.goto(begun["verification_uri"])
    _sign_in(page)
    page.get_by_label("The code that your device shows").fill(begun["user_code"].lower())
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("body")).to_contain_text(begun["user_code"])
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading")).to_have_text("Television is connected")


def test_somebody_signs_out_at_a_programs_wish(mesh: EdgeMesh, page: Page) -> None:
    with listening() as (origin, _):
        goodbye = f"{origin}/goodbye"
        words = ("--redirect-uri", f"{origin}/callback", "--post-logout-redirect-uri", goodbye)
        program = add(mesh, "Leaving", *words)
        page.goto(f"{mesh.edge}/sign-in?next=/account/")
        _sign_in(page)
        asked = urlencode({"client_id": program["client_id"], "post_logout_redirect_uri": goodbye})
        page.goto(f"{mesh.edge}/oauth2/logout?{asked}")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(goodbye)
        assert page.context.cookies(mesh.edge) == []


def test_no_page_is_wider_than_the_screen(mesh: EdgeMesh, browser: Browser) -> None:
    callback = "https://partner.example/callback"
    long = "A program with a name that goes on and on and on until it is very long indeed, and then some"
    grants = ("--grant", "authorization_code", "--grant", "device_code")
    words = ("--audience", "proof", "--audience", f"https://{'x' * 90}")
    program = add(mesh, long, "--public", "--redirect-uri", callback, *grants, *words)
    asked = {"client_id": program["client_id"]}
    begun = httpx.post(f"{mesh.edge}/oauth2/device_authorization", data=asked).json()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{mesh.edge}/sign-in?next=/account/")
    _sign_in(page)
    for there in (
        _there(mesh, program["client_id"], callback),
        _there(mesh, program["client_id"], f"{callback}x"),
        begun["verification_uri"],
        begun["verification_uri_complete"],
        f"{mesh.edge}/oauth2/device?user_code=BBBB-BBBB",
        f"{mesh.edge}/oauth2/logout",
    ):
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(there)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, there
            assert page.locator("h1").count() == 1, there
    context.close()
