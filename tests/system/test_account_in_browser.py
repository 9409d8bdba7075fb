"""An account from its first day to its last, as a person lives it in a real browser, without JavaScript."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from pillion.local import folder, identity_config, mailbox
from pillion.topology import load
from tests.system.browser import chromium
from tests.system.shop import BUYER, PASSWORD, Shop, link_to

FIRST, LATER = "hedy@example.com", "hedy@example.org"
SECOND, THIRD = "a second passphrase", "a third passphrase"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def _page(browser: Browser) -> Page:
    return browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()


def _sign_in(page: Page, shop: Shop, email: str, password: str) -> None:
    page.goto(f"{shop.edge}/sign-in?next=/account")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def _token_of(page: Page) -> dict[str, str]:
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return {"authorization": f"Bearer {cookies['pillion-token']}"}


def _make(shop: Shop, page: Page, phone: Page) -> None:
    """Make an account, and confirm its address; nobody is signed in before."""
    page.goto(f"{shop.edge}/sign-up?next=/account")
    page.get_by_label("Email").fill(FIRST)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    _heading(page, "Look into your mailbox")
    _sign_in(phone, shop, FIRST, PASSWORD)
    expect(phone.get_by_role("alert")).to_contain_text("not confirmed yet")
    page.goto(link_to(shop.mesh, FIRST, "verify"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    page.goto(f"{shop.edge}/account")
    _heading(page, "Your account")
    expect(page.locator("body")).to_contain_text(FIRST)
    assert httpx.get(f"{shop.edge}/api/catalog", headers=_token_of(page)).json()["for"] == FIRST


def _reset(shop: Shop, page: Page, phone: Page) -> None:
    """Forget the password, and reset it: whoever was signed in is out."""
    phone.goto(f"{shop.edge}/sign-in")
    phone.get_by_role("link", name="Forgotten the password?").click()
    phone.get_by_label("Email").fill(FIRST)
    phone.get_by_role("button", name="Send the link").click()
    _heading(phone, "Look into your mailbox")
    phone.goto(link_to(shop.mesh, FIRST, "reset"))
    phone.get_by_label("New password").fill(SECOND)
    phone.get_by_role("button", name="Change the password").click()
    _heading(phone, "Your password is changed")
    page.goto(f"{shop.edge}/account")
    assert "/sign-in" in page.url


def _change_password(shop: Shop, page: Page, phone: Page) -> None:
    """Change the password, which ends the other session."""
    _sign_in(phone, shop, FIRST, SECOND)
    _sign_in(page, shop, FIRST, SECOND)
    page.get_by_role("link", name=re.compile("^Password")).click()
    page.get_by_label("New password").fill(THIRD)
    page.get_by_role("button", name="Change the password").click()
    _heading(page, "Your password is changed")
    phone.goto(f"{shop.edge}/account")
    assert "/sign-in" in phone.url


def _change_address(shop: Shop, page: Page, _phone: Page) -> None:
    """Change the address, which counts when it is confirmed."""
    page.goto(f"{shop.edge}/account/email")
    page.get_by_label("New email").fill(LATER)
    page.get_by_role("button", name="Send the link").click()
    _heading(page, "Look into your mailbox")
    page.goto(link_to(shop.mesh, LATER, "verify"))
    page.get_by_role("button", name="Confirm").click()
    _heading(page, "Your account")
    expect(page.locator("body")).to_contain_text(LATER)
    assert httpx.get(f"{shop.edge}/api/catalog", headers=_token_of(page)).json()["for"] == LATER


def _end_a_session(shop: Shop, page: Page, phone: Page) -> None:
    """See the phone among the sessions, and sign it out."""
    _sign_in(phone, shop, LATER, THIRD)
    page.goto(f"{shop.edge}/account/sessions")
    expect(page.get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("listitem").first).to_contain_text("this one")
    page.get_by_role("listitem").nth(1).get_by_role("button").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    phone.goto(f"{shop.edge}/account")
    assert "/sign-in" in phone.url


def _delete(shop: Shop, page: Page, _phone: Page) -> None:
    """Delete the account."""
    page.goto(f"{shop.edge}/account")
    page.get_by_role("link", name=re.compile("^Delete the account")).click()
    page.get_by_role("button", name="Delete the account for good").click()
    _heading(page, "Your account is deleted")
    _sign_in(page, shop, LATER, THIRD)
    expect(page.get_by_role("alert")).to_contain_text("wrong")


def test_an_account_is_made_used_changed_and_deleted(shop: Shop, browser: Browser) -> None:
    page, phone = _page(browser), _page(browser)
    for chapter in (_make, _reset, _change_password, _change_address, _end_a_session, _delete):
        chapter(shop, page, phone)
    page.context.close()
    phone.context.close()


def test_the_local_mailbox_opens_by_the_link_that_is_printed_and_by_no_other(
    shop: Shop, browser: Browser
) -> None:
    page = _page(browser)
    page.goto(f"{shop.edge}/account/forgot")
    page.get_by_label("Email").fill(BUYER)
    page.get_by_role("button", name="Send the link").click()
    expect(page.locator("body")).to_contain_text("pillion up")
    link = link_to(shop.mesh, BUYER, "reset")
    assert httpx.get(f"{shop.edge}/pillion/mail").status_code == 403
    page.goto(mailbox_of(shop))
    page.get_by_role("link", name="Choose a new password").first.click()
    page.get_by_role("link", name=link).click()
    _heading(page, "Choose a new password")
    page.context.close()


def mailbox_of(shop: Shop) -> str:
    """Give the link that `pillion up` prints."""
    state = folder.of(shop.mesh.file)
    key = identity_config.mailbox_key(state, load(shop.mesh.file, {}))
    assert key is not None
    return mailbox.page(shop.edge, key)
