"""`pillion audit`: who did what, from the files alone; nothing has to run."""

import json
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.audit.written import REQUEST, line
from tests.cli.in_process import pillion
from tests.mesh import command

TOPOLOGY = "mesh: shop\nservices:\n  orders: {app: 127.0.0.1:7001}\n"


@pytest.fixture(autouse=True)
def on_record(own_folder: Path) -> Path:
    """Have a mesh's audit log in this folder; gives where it lies."""
    (own_folder / "pillion.yaml").write_text(TOPOLOGY, encoding="utf-8")
    folder = own_folder / ".pillion" / "audit"
    folder.mkdir(parents=True)
    (folder / "edge.jsonl").write_bytes(
        line("edge", "edge", span=1, path="/api/orders", sub="ada", ms=5000)
        + line("edge", "edge", span=7, path="/\x1b[31mx", status=401, why="token-missing", request_id="b")
    )
    (folder / "orders.jsonl").write_bytes(
        line("orders", span=2, above=1, path="/api/orders", sub="ada", ms=4000)
        + line(
            "orders", "egress", span=3, above=2, host="pay", path="/all", status=403, why="peer-not-called"
        )
    )
    return folder


def test_a_line_for_each_request_at_each_envoy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By time; what a caller sent reaches the terminal as what it is."""
    assert pillion(monkeypatch, "audit") == 0
    said = capsys.readouterr()
    rows = said.out.splitlines()
    assert [row.split()[1] for row in rows] == ["edge", "orders", "orders.egress", "edge"]
    assert "200  GET /api/orders by ada from 127.0.0.1:40000  sent to default  5000 ms" in rows[0]
    assert "403  GET pay/all from 127.0.0.1:40000  refused: peer-not-called" in rows[2]
    assert "/\\x1b[31mx" in rows[3]
    assert "\x1b" not in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("options", "spans"),
    [
        (("--denied",), [3, 7]),
        (("--user", "ada"), [1, 2]),
        (("--user", "nobody"), []),
        (("--service", "orders"), [2, 3]),
        (("--service", "orders", "--denied"), [3]),
        (("--since", "2026-01-31T12:00:03Z"), [3, 7]),
        (("--since", "2026-01-31T13:00:03+01:00"), [3, 7]),
        (("--since", "10m"), []),
    ],
)
def test_the_options_choose_lines(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    spans: list[int],
) -> None:
    assert pillion(monkeypatch, "audit", "--json", *options) == 0
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    assert [int(one["span_id"], 16) for one in lines] == spans


def test_a_span_before_now_is_a_time_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_record: Path
) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    (on_record / "new.jsonl").write_bytes(line("new", time=now))
    assert pillion(monkeypatch, "audit", "--since", "1m") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_request_is_a_tree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert pillion(monkeypatch, "audit", "--request", REQUEST) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2] == "user     ada"
    assert [row.split("  ")[0] for row in rows[4:]] == [
        "127.0.0.1:40000 → edge",
        "└─ edge → orders",
        "",
    ]
    assert "└─ orders → pay" in rows[6]
    assert pillion(monkeypatch, "audit", "--request", REQUEST, "--json") == 0
    [edge] = json.loads(capsys.readouterr().out)["hops"]
    assert edge["hops"][0]["hops"][0]["line"]["why"] == "peer-not-called"


def test_what_is_written_from_now_on_is_followed(on_record: Path) -> None:
    """Also in a file that takes the place of one that was set aside."""
    follow = subprocess.Popen(
        [*command(), "audit", "--follow", "--json", "--user", "ada"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follow.stdout is not None
    before = [json.loads(follow.stdout.readline())["span_id"] for _ in range(2)]
    assert before == [f"{1:016x}", f"{2:016x}"]
    with (on_record / "edge.jsonl").open("ab") as file:
        file.write(line("edge", "edge", span=20, sub="bob") + line("edge", "edge", span=21, sub="ada"))
    assert json.loads(follow.stdout.readline())["span_id"] == f"{21:016x}"
    (on_record / "edge.jsonl").rename(on_record / "edge.jsonl.1")
    (on_record / "edge.jsonl").write_bytes(line("edge", "edge", span=22, sub="ada"))
    assert json.loads(follow.stdout.readline())["span_id"] == f"{22:016x}"
    follow.send_signal(signal.SIGINT)
    _, said = follow.communicate(timeout=10)
    assert (follow.returncode, said.strip()) == (130, "interrupted")


def _piped(*options: str, printed: bytes) -> "subprocess.CompletedProcess[bytes]":
    words = [*command(), "audit", "-", *options]
    return subprocess.run(words, input=printed, check=False, capture_output=True, cwd="/")


def test_what_pods_have_printed_is_read_without_a_topology(on_record: Path) -> None:
    """One pod after the other, as `kubectl logs --prefix` has them; it is put in order."""
    printed = b"".join(
        b"[pod/%b-0/pillion-sidecar] %b" % (path.stem.encode(), each)
        for path in sorted(on_record.glob("*.jsonl"), reverse=True)
        for each in (b"[info] starting\n", *path.read_bytes().splitlines(keepends=True))
    )
    rows = _piped("--json", printed=printed).stdout.splitlines()
    assert [int(json.loads(row)["span_id"], 16) for row in rows] == [1, 2, 3, 7]
    rows = _piped("--json", "--denied", "--service", "orders", printed=printed).stdout.splitlines()
    assert [int(json.loads(row)["span_id"], 16) for row in rows] == [3]
    tree = _piped("--request", REQUEST, printed=printed).stdout.decode()
    assert "└─ edge → orders" in tree
    refused = _piped("--user", "ada@example.org", printed=printed)
    assert (refused.returncode, b"no log holds an address" in refused.stderr) == (2, True)


def test_what_pods_print_is_followed() -> None:
    with subprocess.Popen(
        [*command(), "audit", "-", "--follow", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as follow:
        assert follow.stdin is not None
        assert follow.stdout is not None
        for second in (2, 1):  # as they come
            follow.stdin.write(b"orders-0 pillion-sidecar " + line("orders", second=second))
            follow.stdin.flush()
            assert json.loads(follow.stdout.readline())["time"].endswith(f"0{second}.000Z")
        follow.stdin.close()
        assert follow.wait(30) == 0


def test_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_record: Path
) -> None:
    assert pillion(monkeypatch, "audit", "--request", "5f0c\x1b") == 1
    assert "Error: no request '5f0c\\x1b' is on record: write the whole" in capsys.readouterr().err
    assert pillion(monkeypatch, "audit", "--request", "x", "--denied") == 2
    assert "--request shows all of one request" in capsys.readouterr().err
    assert pillion(monkeypatch, "audit", "--since", "yesterday") == 2
    assert "'yesterday' is neither a time ago such as 10m" in capsys.readouterr().err
    assert pillion(monkeypatch, "audit", "--service", "order") == 1
    assert "did you mean 'orders'?" in capsys.readouterr().err
    with (on_record / "orders.jsonl").open("ab") as file:
        file.write(b"\x00\x00{\n")
    assert pillion(monkeypatch, "audit") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    assert said.err.startswith("1 damaged lines in ")
