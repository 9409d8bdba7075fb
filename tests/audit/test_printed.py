"""Audit lines among what pods print."""

import pytest

from pillion.audit.printed import CONTAINERS, lines
from pillion.kubernetes import containers
from tests.audit.written import line
from tests.kubernetes.rendered import SHOP, of_kind


@pytest.mark.parametrize(
    "before",
    [
        "",
        "2026-01-31T12:00:00.123456789Z ",
        "2026-01-31T13:00:00.1+01:00 ",
        "[pod/orders-5d9c7b8f6-x2x7k/pillion-sidecar] ",
        "[pod/edge-5d9c7b8f6-x2x7k/envoy] 2026-01-31T12:00:00.123456789Z ",
        "orders-5d9c7b8f6-x2x7k pillion-sidecar ",
        "\x1b[36morders-5d9c7b8f6-x2x7k\x1b[0m \x1b[32mpillion-sidecar\x1b[0m 2026-01-31T12:00:00.1Z ",
    ],
)
def test_a_line_is_found_behind_what_names_the_pod(before: str) -> None:
    (found,) = lines([before.encode() + line("orders", path="/{x}")])
    assert (found.service, found.path) == ("orders", "/{x}")


@pytest.mark.parametrize(
    "before",
    [
        "[pod/orders-5d9c7b8f6-x2x7k/app] ",
        "[pod/orders-5d9c7b8f6-x2x7k/app] pillion-sidecar ",
        "[pod/orders-5d9c7b8f6-x2x7k/app] [pod/orders/pillion-sidecar] ",
        "[pod/pillion-sidecar/app] 2026-01-31T12:00:00.1Z ",
        "orders-5d9c7b8f6-x2x7k app ",
        "orders-5d9c7b8f6-x2x7k app pillion-sidecar ",
        "orders-5d9c7b8f6-x2x7k app [pod/orders/pillion-sidecar] ",
        "pillion-sidecar app ",
        "said: ",
    ],
)
def test_what_another_container_prints_is_no_line(before: str) -> None:
    """A service could put its callers' names into it otherwise."""
    assert [*lines([before.encode() + line("orders")])] == []


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\n",
        b"[2026-01-31 12:00:00.123][1][info][main] [source/server.cc:420] initializing {epoch 0}\n",
        b'{"time": "2026-01-31T12:00:00Z", "service": "orders", "level": "info"}\n',
        line("orders")[:-40],
        line("orders", kind="access"),
        b"\xff\xfe{\xff}\n",
    ],
)
def test_other_lines_are_left_out(printed: bytes) -> None:
    (found,) = lines([printed, line("orders")])
    assert found.service == "orders"


def test_the_containers_are_those_that_are_rendered() -> None:
    assert containers.SIDECAR in CONTAINERS
    rendered = {
        container["name"]
        for deployment in of_kind(SHOP, "Deployment")
        for kind in ("initContainers", "containers")
        for container in deployment["spec"]["template"]["spec"].get(kind, [])
        if container["image"] == containers.ENVOY_IMAGE
    }
    assert rendered == CONTAINERS
