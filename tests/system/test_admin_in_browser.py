"""The admin as an operator uses it: through the edge, in a real browser; what they do reaches the Envoys."""

import sys
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests import mesh
from tests.mesh import Mesh
from tests.system.browser import chromium
from tests.system.shop import PASSWORD, add_user
from tests.totp import App

OPERATOR: Final = "operator@example.com"
VICTIM: Final = "victim@example.com"
ADMIN: Final = "/pillion/admin/"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh with one service, an operator and somebody else."""
    listen, app = mesh.free_ports(2)
    topology = f"""
mesh: admin
edge: {{listen: "127.0.0.1:{listen}"}}
services:
  echo:
    app: 127.0.0.1:{app}
    run: "{sys.executable} -m http.server --bind 127.0.0.1 {app}"
    paths: [/]
"""
    with mesh.running(tmp_path_factory.mktemp("admin") / "mesh", topology) as started:
        add_user(started, OPERATOR)
        add_user(started, VICTIM)
        assert started.pillion("user", "roles", OPERATOR, "pillion-operator").returncode == 0
        yield started


@pytest.fixture(scope="module")
def page(running: Mesh) -> Iterator[Page]:
    """Give the page of an operator who has signed in, and has added an app on the way to the admin."""
    with chromium() as browser:
        yield _at_the_admin(browser, running)


def _at_the_admin(browser: Browser, running: Mesh) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{running.edge}{ADMIN}")
    page.fill("[name=email]", OPERATOR)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    # Nobody is let in without a second factor; the page says where one is added.
    expect(page).to_have_url(f"{running.edge}/account/step-up?next=%2Fpillion%2Fadmin%2F")
    page.goto(f"{running.edge}/account/security/totp")
    app = App(page.locator(".seed").inner_text().replace(" ", ""))
    page.fill("[name=code]", app.code())
    page.click("button[type=submit]")
    page.goto(f"{running.edge}/account")
    page.click(f"a[href='{ADMIN}']")
    expect(page.locator("#content h1")).to_have_text("What there is")
    return page


def test_an_operator_signs_somebody_out_and_every_envoy_refuses_them(running: Mesh, page: Page) -> None:
    """By the boxes of the list; without a word from the browser about its policy."""
    with httpx.Client(base_url=running.edge, headers={"Sec-Fetch-Site": "same-origin"}) as victim:
        assert victim.post("/sign-in", json={"email": VICTIM, "password": PASSWORD}).status_code == 200
        assert victim.get("/").status_code == 200
        complaints: list[str] = []

        def listen(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                complaints.append(message.text)

        page.on("console", listen)
        page.click("#content a:has-text('Users')")
        page.fill("#searchbar", "victim")
        page.click("#changelist-search input[type=submit]")
        page.click("#action-toggle")  # Django's own script: choose all that are shown
        page.select_option("select[name=action]", "disable")
        page.click("button[name=index]")
        expect(page.locator("#content")).to_contain_text("They are signed out everywhere")
        page.click("#content form[method=post] input[type=submit]")
        expect(page.locator(".messagelist")).to_contain_text("Disabled: 1. Refused everywhere, in ")
        assert victim.get("/").status_code == 401
        assert complaints == []
    page.click(f"#result_list th a:text-is('{VICTIM}')")
    expect(page.locator("#content")).to_contain_text(VICTIM)
    page.click("#content a:text-is('Changes')")
    expect(page.locator("#result_list")).to_contain_text("user.disabled")
    expect(page.locator("#result_list")).to_contain_text(OPERATOR)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_window(running: Mesh, page: Page, width: int) -> None:
    """Wide lists scroll by themselves."""
    page.set_viewport_size({"width": width, "height": 800})
    for path in (
        "",
        "identity/user/",
        "identity/user/add/",
        "identity/oauthclient/add/",
        "identity/signingkey/",
    ):
        page.goto(f"{running.edge}{ADMIN}{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path


def test_the_other_hosts_script_is_not_told_that_it_may_read(running: Mesh) -> None:
    answer = httpx.get(f"{running.edge}{ADMIN}", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
