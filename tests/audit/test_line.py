"""One line of an audit log, as it was written, or as it was damaged."""

import pytest

from pillion.audit.line import parse
from tests.audit.written import line


def test_a_line_says_what_led_to_it_and_who_called() -> None:
    read = parse(line("orders", span=2, above=1, caller="spiffe://shop/service/web", sub="ada"))
    assert read is not None
    assert (read.span_id, read.parent_id) == (f"{2:016x}", f"{1:016x}")
    assert (read.called_by, read.names_workload, read.sub) == ("web", True, "ada")


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        ("spiffe://shop/edge", "edge"),
        ("spiffe://shop/service/orders", "orders"),
        ("127.0.0.1:4", "127.0.0.1:4"),
        ("spiffe://shop/service/a/b", "spiffe://shop/service/a/b"),
    ],
)
def test_a_caller_is_named_by_its_short_name_or_its_address(caller: str, name: str) -> None:
    read = parse(line("orders", caller=caller))
    assert read is not None
    assert read.called_by == name


def test_a_caller_without_a_name_is_called_by_its_address() -> None:
    read = parse(line("orders", caller=None).replace(b'"jti"', b'"from": "10.0.0.7:5", "jti"'))
    assert read is not None
    assert (read.called_by, read.names_workload) == ("10.0.0.7:5", False)


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\n",
        b'{"time": "2026-01-31T12:00:00.000Z", "serv',
        b"\x00" * 100,
        b"[]",
        b"null",
        b'{"time": 7, "service": "orders"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_line_is_none(written: bytes) -> None:
    assert parse(written) is None


def test_a_field_of_another_kind_is_as_good_as_none() -> None:
    """An older Envoy, or somebody's hand, wrote it: the rest is worth reading."""
    read = parse(line("orders", status="200", ms=None, path=["/"], traceparent="00-x-y-01"))
    assert read is not None
    assert (read.status, read.ms, read.path, read.parent_id) == (0, 0, "", "")


@pytest.mark.parametrize(
    ("status", "why", "denied"),
    [
        (401, "token-missing", True),
        (403, "rule-refused", True),
        (303, "sign-in-first", True),
        (0, "handshake-refused", True),
        (0, None, False),
        (403, None, False),
        (503, "service-unavailable", False),
        (404, "path-unknown", False),
    ],
)
def test_a_denial_is_an_envoys_no_to_the_caller(status: int, why: str | None, *, denied: bool) -> None:
    """Not a service's own answer, and not what went wrong."""
    read = parse(line("orders", status=status, why=why))
    assert read is not None
    assert read.denied is denied
