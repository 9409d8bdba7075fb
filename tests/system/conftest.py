"""One running shop for all tests that need no mesh of their own."""

from collections.abc import Iterator

import pytest

from tests.system.shop import Shop, running


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give the running shop."""
    with running(tmp_path_factory.mktemp("shop") / "shop") as started:
        yield started
