"""One isolated mesh for all tests that do not need one of their own. Without the rights, they are skipped."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.isolate import isolated
from tests.isolate.isolated import Isolated

# Not by Pillion's own look at the rights, or a mistake there would skip the tests that find it.
_RIGHTS = (
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "mount",
    "-t",
    "tmpfs",
    "none",
    "/mnt",
)


@pytest.fixture(scope="session", autouse=True)
def _rights() -> None:
    try:
        tried = subprocess.run(_RIGHTS, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("isolation needs Linux, and its tests util-linux")
    if tried.returncode != 0:
        pytest.skip(f"this user may not make user, network and mount namespaces: {tried.stderr.strip()}")


@pytest.fixture(scope="package")
def mesh(_rights: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolated]:
    """Give the running mesh; who stops a part of it waits until it is back."""
    with isolated.running(tmp_path_factory.mktemp("isolated") / "mesh") as started:
        yield started
