"""The shop as a person uses it, in a real browser: sign up, sign in, buy, sign out, and the 401 that asks."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.system.browser import chromium
from tests.system.shop import BUYER, MANAGER, PASSWORD, Shop, link_to

DESKTOP = (1280, 800)
PHONE = (390, 844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    yield context.new_page()
    context.close()


def _open(page: Page, shop: Shop) -> None:
    page.goto(shop.edge)
    expect(page.locator(".product")).to_have_count(6)


def _fill_dialog(page: Page, email: str, password: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Email address").fill(email)
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Sign in").click()


def test_a_401_opens_the_dialog_and_the_request_is_repeated(shop: Shop, page: Page) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url.removeprefix(shop.edge))

    page.on("request", note)
    _open(page, shop)
    page.get_by_role("button", name="Buy Mountain tea").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    _fill_dialog(page, BUYER, PASSWORD)
    expect(page.get_by_role("status")).to_contain_text("Ordered: Mountain tea")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#who")).to_have_text(BUYER)
    assert sent == ["/api/orders", "/sign-in", "/api/orders"]


def test_a_wrong_password_is_said_in_the_dialog_and_cancelling_orders_nothing(shop: Shop, page: Page) -> None:
    _open(page, shop)
    page.get_by_role("button", name="Buy Oak tray").click()
    _fill_dialog(page, BUYER, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("status")).to_be_hidden()


def test_sign_up_buy_and_sign_out(shop: Shop, page: Page) -> None:
    _open(page, shop)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Email").fill("newcomer@example.com")
    page.get_by_label(re.compile("^Password")).first.fill(PASSWORD)
    page.get_by_role("button", name=re.compile("account|Sign up", re.IGNORECASE)).click()
    expect(page.get_by_role("heading")).to_have_text("Look into your mailbox")
    page.goto(link_to(shop.mesh, "newcomer@example.com", "verify"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    page.wait_for_url(f"{shop.edge}/")
    expect(page.locator("#who")).to_have_text("newcomer@example.com")
    page.get_by_role("button", name="Buy Iron teapot").click()
    expect(page.locator("#orders")).to_contain_text("Iron teapot")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("signed out")
    page.get_by_role("button", name="Show my orders").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_report_shows_a_manager_figures_and_a_buyer_a_sentence(shop: Shop, page: Page) -> None:
    _open(page, shop)
    page.get_by_role("button", name="Show what was sold").click()
    _fill_dialog(page, BUYER, PASSWORD)
    expect(page.get_by_role("status")).to_contain_text("rule")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("signed out")
    page.get_by_role("button", name="Show what was sold").click()
    _fill_dialog(page, MANAGER, PASSWORD)
    expect(page.locator("#report table")).to_be_visible()


def test_the_pages_work_without_javascript(shop: Shop, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shop.edge}/api/orders?page=1")
    assert page.url == f"{shop.edge}/sign-in?next=/api/orders%3Fpage%3D1"
    page.get_by_label("Email").fill(BUYER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{shop.edge}/api/orders?page=1"
    page.goto(f"{shop.edge}/account/")
    expect(page.locator("body")).to_contain_text(BUYER)
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{shop.edge}/account/")
    assert "/sign-in" in page.url
    context.close()


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up", "/sign-in/nowhere"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_is_wider_than_the_screen(
    shop: Shop, browser: Browser, path: str, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(f"{shop.edge}{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    context.close()


def test_the_browser_holds_cookies_that_no_script_can_read(shop: Shop, page: Page) -> None:
    _open(page, shop)
    page.get_by_role("button", name="Sign in").first.click()
    _fill_dialog(page, BUYER, PASSWORD)
    expect(page.locator("#who")).to_have_text(BUYER)
    held = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert set(held) == {"pillion-session", "pillion-token"}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in held.values())
    assert page.evaluate("document.cookie") == ""
