"""Browsers whose sign-in waits for its second step, and what tests of it share."""

import base64
import json
import threading
from typing import Any

from tests.identity.authenticator_app import App, user_with_app
from tests.identity.browser import Answer, Browser

STEP = "/sign-in/second-factor"
WRONG = "wrong wrong wrong"


def claims(browser: Browser) -> dict[str, Any]:
    """Read the token of a browser."""
    payload = browser.cookies["pillion-token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


def half_signed_in(address: str = "192.0.2.1") -> tuple[Browser, str, App]:
    """Give a browser whose sign-in waits for its second step."""
    email, app = user_with_app()
    browser = Browser(address)
    assert browser.sign_in(email).code == "second-factor-required"
    return browser, email, app


def give(browser: Browser, code: str) -> Answer:
    """Send a code, as a program does."""
    return browser.post_json(STEP, {"code": code})


def at_once(ask: Any, browsers: list[Browser]) -> list[int]:
    """Ask with all browsers at the same time; gives the statuses."""
    barrier, statuses = threading.Barrier(len(browsers)), []

    def one(browser: Browser) -> None:
        from django.db import connection  # noqa: PLC0415 - a thread's own

        barrier.wait()
        statuses.append(ask(browser).status)
        connection.close()

    threads = [threading.Thread(target=one, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
