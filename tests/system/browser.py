"""A real headless Chromium, where the machine has one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# As root in a container there is no sandbox to be had; and nothing here is to call home.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, or skip the test and say how to get one."""
    found = next(filter(None, map(shutil.which, _NAMES)), None) or (str(_MAC) if _MAC.exists() else None)
    if found is None:
        pytest.skip("no Chromium on this machine: install Debian's 'chromium', or Google Chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield browser
        browser.close()
