"""What the tests of propagation share: somebody to call, by HTTP_PROXY, as a service finds it."""

from collections.abc import Iterator

import pytest

from tests.propagate.servers import everybody


@pytest.fixture(scope="session")
def proxy() -> Iterator[str]:
    """Run a forward proxy that answers for every host."""
    with everybody() as url:
        yield url


@pytest.fixture(autouse=True)
def environment(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what `pillion up` gives a service."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("PILLION_SERVICE", "orders")
