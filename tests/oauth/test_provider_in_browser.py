"""Signing in by a certified provider, in a real browser without JavaScript, through the whole mesh."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import mesh
from tests.edge import edge_mesh
from tests.mesh import Mesh
from tests.oauth.program import HERE
from tests.system.browser import chromium
from tests.system.shop import PASSWORD, add_user

SECRET = "a-secret-of-the-client-of-this-test"
SIZES = ((1280, 800), (390, 844))


@dataclass(frozen=True)
class Sites:
    """The mesh, and the provider that its people sign in by."""

    mesh: Mesh
    provider: str


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "oidc-provider").exists():
        pytest.skip("no provider in JavaScript: install Node.js with npm, and run tests/install-clients")
    (port,) = mesh.free_ports(1)
    topology = edge_mesh.topology()
    (edge,) = re.findall(r"listen: 127.0.0.1:(\d+)", topology)
    callback = f"http://localhost:{edge}/sign-in/with/example/callback"
    issuer = f"http://localhost:{port}"
    topology += f"""
identity:
  providers:
    example:
      issuer: {issuer}
      client_id: shop
      client_secret: ${{CLIENT_SECRET}}
      title: Example Inc.
      scopes: [groups]
      roles: {{claim: groups, map: {{shop-managers: manager}}}}
"""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("CLIENT_SECRET", SECRET)  # for each command that reads the topology, too
        words = (node, "--no-warnings", str(HERE / "openid_provider.mjs"), str(port), callback)
        with listening(words):
            folder = tmp_path_factory.mktemp("providers") / "mesh"
            with mesh.running(folder, topology, edge_mesh.FILES) as started:
                yield Sites(started, issuer)


@contextmanager
def listening(words: tuple[str, ...]) -> Iterator[None]:
    """Run the provider until the block ends."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as provider:
        try:
            assert provider.stdout is not None
            assert provider.stdout.readline() == "ready\n"
            yield
        finally:
            provider.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(java_script_enabled=False)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def sign_in_there(page: Page, sites: Sites, name: str) -> None:
    """Fill the provider's own form."""
    page.wait_for_url(re.compile(f"{sites.provider}/interaction/"))
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")


def told(page: Page) -> dict[str, str]:
    """Read what the service was told of the caller, from its page."""
    found: dict[str, str] = dict(re.findall(r'\["(x-pillion-[a-z]+)", "([^"]*)"\]', page.content()))
    return found


def test_somebody_signs_in_by_the_provider_and_the_service_knows_who_it_is(sites: Sites, page: Page) -> None:
    page.goto(f"{sites.mesh.edge}/page/orders?of=mine")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, "manager-ada")
    page.wait_for_url(f"{sites.mesh.edge}/page/orders?of=mine")
    caller = told(page)
    assert (caller["x-pillion-email"], caller["x-pillion-roles"]) == ("manager-ada@example.org", "manager")
    listed = sites.mesh.pillion("session", "list", "--user", "manager-ada@example.org", "--json")
    assert f'"{caller["x-pillion-sid"]}"' in listed.stdout


def test_who_is_signed_in_there_is_signed_in_here_without_typing(sites: Sites, page: Page) -> None:
    page.goto(f"{sites.mesh.edge}/sign-in?next=/page/x")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, "grace")
    page.wait_for_url(f"{sites.mesh.edge}/page/x")
    first = told(page)
    page.goto(f"{sites.mesh.edge}/account")
    press(page, "Sign out")
    page.wait_for_url(f"{sites.mesh.edge}/sign-in")
    press(page, "Continue with Example Inc.")
    page.wait_for_url(f"{sites.mesh.edge}/")
    page.goto(f"{sites.mesh.edge}/page/x")
    again = told(page)
    assert again["x-pillion-user"] == first["x-pillion-user"]
    assert again["x-pillion-sid"] != first["x-pillion-sid"]


def test_an_account_without_a_password_confirms_by_the_provider_and_gets_one(
    sites: Sites, page: Page
) -> None:
    page.goto(f"{sites.mesh.edge}/sign-in?next=/account")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, "edsger")
    page.wait_for_url(f"{sites.mesh.edge}/account")
    page.goto(f"{sites.mesh.edge}/account/confirm?next=/account/password")
    press(page, "Confirm with Example Inc.")
    sign_in_there(page, sites, "edsger")  # asked once more, though signed in there
    page.wait_for_url(f"{sites.mesh.edge}/account/password")
    page.get_by_label("New password").fill(PASSWORD)
    press(page, "Set the password")
    expect(page.get_by_role("heading")).to_have_text("Your password is changed")
    page.goto(f"{sites.mesh.edge}/account/providers/remove")
    page.get_by_role("button", name="Remove Example Inc.").click()
    expect(page.locator("main")).to_contain_text("Your account has none")


def test_an_account_is_linked_from_inside(sites: Sites, page: Page) -> None:
    add_user(sites.mesh, "barbara@example.com")
    page.goto(f"{sites.mesh.edge}/sign-in?next=/account/providers")
    page.get_by_label("Email").fill("barbara@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    press(page, "Add Example Inc.")
    sign_in_there(page, sites, "liskov")
    page.wait_for_url(f"{sites.mesh.edge}/account/providers")
    expect(page.get_by_role("listitem")).to_contain_text("liskov@example.org")
    page.goto(f"{sites.mesh.edge}/account")
    press(page, "Sign out")
    press(page, "Continue with Example Inc.")
    page.wait_for_url(f"{sites.mesh.edge}/")
    page.goto(f"{sites.mesh.edge}/page/x")
    assert told(page)["x-pillion-email"] == "barbara@example.com"


def test_an_unproven_address_is_confirmed_by_mail_and_provider(sites: Sites, page: Page) -> None:
    page.goto(f"{sites.mesh.edge}/sign-up?next=/page/x")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, "unproven-alan")
    expect(page.get_by_role("heading")).to_have_text("Look into your mailbox")
    page.goto(f"{sites.mesh.edge}/page/x")
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    page.goto(mailed_link(sites))
    press(page, "Confirm with Example Inc.")
    page.wait_for_url(f"{sites.mesh.edge}/")
    page.goto(f"{sites.mesh.edge}/page/x")
    assert told(page)["x-pillion-email"] == "unproven-alan@example.org"


def mailed_link(sites: Sites) -> str:
    """Find the link that was mailed to unproven-alan."""
    from tests.local.waiting import until  # noqa: PLC0415 - beside its one use

    found: list[str] = []

    def look() -> bool:
        for letter in (sites.mesh.state / "mail").glob("*"):
            text = letter.read_text(encoding="utf-8").replace("=\n", "").replace("=3D", "=")
            found.extend(re.findall(r"http://localhost:\d+/account/verify\?key=\S+", text))
        return bool(found)

    until(look, "a mail with a link")
    return found[0]


def test_who_does_not_allow_it_gets_a_page_that_says_so(sites: Sites, page: Page) -> None:
    page.goto(f"{sites.mesh.edge}/sign-in")
    press(page, "Continue with Example Inc.")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url(re.compile(f"{sites.mesh.edge}/sign-in/with/example/callback"))
    expect(page.get_by_role("heading")).to_have_text("Not signed in")
    expect(page.locator("main")).to_contain_text("You did not allow it at Example Inc.")
    page.get_by_role("link", name="Back to the sign-in").click()
    page.wait_for_url(f"{sites.mesh.edge}/sign-in?next=%2F")


def test_no_code_and_no_secret_stands_in_what_is_kept(sites: Sites, page: Page) -> None:
    """In no log, no audit line, and no file but identity's configuration, which is private."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(f"{sites.mesh.edge}/sign-in")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, "tony")
    page.wait_for_url(f"{sites.mesh.edge}/")
    (came,) = (url for url in seen if "/callback?" in url)
    words = [*re.findall(r"(?:code|state)=([\w-]+)", came), SECRET]
    assert len(words) == 3
    for file in sites.mesh.state.rglob("*"):
        if file.is_file() and file.name != "identity.json" and not file.name.startswith("identity.sqlite3"):
            kept = file.read_bytes()
            assert not [word for word in words if word.encode() in kept], file
    assert (sites.mesh.state / "identity.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_pages_fit(sites: Sites, browser: Browser, size: tuple[int, int]) -> None:
    opened = browser.new_context(java_script_enabled=False, viewport={"width": size[0], "height": size[1]})
    page = opened.new_page()
    shots = os.environ.get("SCREENSHOTS")

    def look(name: str) -> None:
        fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert fits, f"{name} is wider than {size[0]}"
        if shots:
            page.screenshot(path=f"{shots}/{name}-{size[0]}.png", full_page=True)

    page.goto(f"{sites.mesh.edge}/sign-in?next=/account/providers")
    look("sign-in")
    page.goto(f"{sites.mesh.edge}/sign-up")
    look("sign-up")
    page.goto(f"{sites.mesh.edge}/sign-in/with/example/callback?state=x&code=y")
    look("refused")
    page.goto(f"{sites.mesh.edge}/sign-in?next=/account/providers")
    press(page, "Continue with Example Inc.")
    sign_in_there(page, sites, f"frances-elizabeth-with-a-very-long-name-{size[0]}")
    page.wait_for_url(f"{sites.mesh.edge}/account/providers")
    look("providers")
    for name in ("account", "account/confirm", "account/providers/remove"):
        page.goto(f"{sites.mesh.edge}/{name}")
        look(name.replace("/", "-"))
    opened.close()
