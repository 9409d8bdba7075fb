"""The files of an audit log."""

import json
from pathlib import Path

import pytest

from pillion.audit.record import Damage, files, of_request, past
from tests.audit.written import REQUEST, line


def test_the_lines_of_all_envoys_come_by_time_the_older_files_first(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.2").write_bytes(line("a", second=1))
    (tmp_path / "a.jsonl.1").write_bytes(line("a", second=3))
    (tmp_path / "a.jsonl").write_bytes(line("a", second=5))
    (tmp_path / "b.jsonl").write_bytes(line("b", second=2) + line("b", second=4))
    times = [read.time[17:19] for read in past(files(tmp_path), Damage())]
    assert times == ["01", "02", "03", "04", "05"]


def test_a_damaged_line_is_counted_and_a_half_written_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line("a", second=1) + b"\0\0\0\n" + line("a", second=2)[:40])
    damage = Damage()
    assert len(list(past(files(tmp_path), damage))) == 1
    assert damage.lines == 1


def test_a_request_is_what_has_its_id_and_what_a_span_ties_to_it(tmp_path: Path) -> None:
    """A service that passes on `traceparent` alone makes calls under other ids."""
    (tmp_path / "edge.jsonl").write_bytes(
        line("edge", "edge", span=1)
        # Whoever calls the edge may bring somebody else's trace along, with a span of theirs.
        + line("edge", "edge", span=9, above=1, request_id="another")
    )
    (tmp_path / "orders.jsonl").write_bytes(
        line("orders", span=2, above=1)
        + line("orders", "egress", span=3, above=2, request_id="other-1")
        + line("orders", span=10, above=9, request_id="another")
    )
    (tmp_path / "pay.jsonl").write_bytes(line("pay", span=4, above=3, request_id="other-2"))
    found = of_request(files(tmp_path), REQUEST, Damage())
    assert [(read.service, read.kind) for read in found] == [
        ("edge", "edge"),
        ("orders", "inbound"),
        ("orders", "egress"),
        ("pay", "inbound"),
    ]


def test_a_request_id_in_another_field_is_not_that_request(tmp_path: Path) -> None:
    (tmp_path / "edge.jsonl").write_bytes(line("edge", "edge", request_id="x", path=f"/{REQUEST}"))
    assert of_request(files(tmp_path), REQUEST, Damage()) == []


def test_an_unknown_service_is_told_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_bytes(line("orders"))
    with pytest.raises(LookupError, match=r"nothing named 'order' has an audit log .did you mean 'orders'"):
        files(tmp_path, "order")
    with pytest.raises(LookupError, match="there is no audit log in"):
        files(tmp_path / "none")


def test_every_line_is_json_that_other_programs_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line("a"))
    [read] = past(files(tmp_path), Damage())
    assert dict(read.raw) == json.loads(line("a"))
