"""The order in which tests run."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave identity's modules for the end: many and short, they keep every worker busy until all is done."""
    items.sort(key=lambda item: item.nodeid.startswith("tests/identity/"))
