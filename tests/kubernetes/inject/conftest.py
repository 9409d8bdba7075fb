"""The webhook that the tests of this folder ask."""

from collections.abc import Iterator

import pytest

from tests.kubernetes.inject.webhook import Webhook, running


@pytest.fixture(scope="package")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """Run one."""
    with running(tmp_path_factory.mktemp("webhook")) as one:
        yield one
