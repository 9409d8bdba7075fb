"""`pillion up` as a user sees it, with real processes: starts, deaths, kills, and what is left afterwards."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.cli.echo_mesh import ECHO, names, running_in, topology, write
from tests.local.waiting import until
from tests.mesh import Mesh, command, pillion, running


@pytest.fixture(autouse=True)
def _nothing_is_left_running(tmp_path: Path) -> Iterator[None]:
    yield
    left = running_in(tmp_path)
    for process in left:
        process.kill()
    assert not left, names(left)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh that every test leaves running."""
    with running(tmp_path_factory.mktemp("mesh"), topology(), {"echo.py": ECHO}) as started:
        yield started


def foreground(file: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*command(), "up", "-f", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until_ready(up: "subprocess.Popen[str]") -> list[str]:
    assert up.stdout is not None
    lines: list[str] = []
    for line in up.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("ready in "):
            return lines
    assert up.stderr is not None
    pytest.fail(f"never ready: {lines} {up.stderr.read()}")


def test_a_request_passes_edge_and_sidecar_and_a_dead_service_comes_back(mesh: Mesh) -> None:
    found = httpx.get(f"{mesh.edge}/").json()
    assert found["environment"]["PILLION_SERVICE"] == "echo"
    assert found["environment"]["HTTP_PROXY"] == mesh.egress("echo")
    assert httpx.get(f"{mesh.edge}/me").status_code == 401

    first = mesh.workload("echo", "service")
    httpx.get(f"{mesh.edge}/die")
    until(lambda: mesh.workload("echo", "service")["restarts"] == 1, "the service was started again")
    until(lambda: mesh.status()["ready"], "everything is ready again")
    again = mesh.workload("echo", "service")
    assert (again["last_exit"], again["last_line"]) == (7, "told to die")
    assert again["pid"] != first["pid"]
    assert httpx.get(f"{mesh.edge}/").status_code == 200

    sidecar = mesh.workload("echo", "sidecar")
    os.kill(sidecar["pid"], signal.SIGKILL)
    until(
        lambda: mesh.status()["ready"] and mesh.workload("echo", "sidecar")["pid"] != sidecar["pid"],
        "the sidecar was started again",
    )
    assert httpx.get(f"{mesh.edge}/").status_code == 200

    second = mesh.pillion("up")
    assert second.returncode == 1
    assert re.fullmatch(r"Error: 'pillion up' runs already on .* \(pid \d+\): .*\n", second.stderr)


def ended_in_order(up: "subprocess.Popen[str]", folder: Path, code: int) -> None:
    """See that what was told to stop stops in order, with nothing left in the way of the next start."""
    out, err = up.communicate(timeout=20)
    assert (up.returncode, err) == (code, "")
    stopped = [line.split(":")[0] for line in out.splitlines() if ": stopped" in line]
    assert stopped[:3] == ["edge", "service echo", "sidecar echo"]
    assert sorted(stopped[3:]) == ["control", "identity"]
    assert not list((folder / ".pillion" / "run").glob("*.sock"))


def test_the_edge_starts_last_and_a_hang_up_stops_all_of_it_in_order(tmp_path: Path) -> None:
    up = foreground(write(tmp_path, topology()))
    lines = until_ready(up)
    assert lines.index(next(line for line in lines if line.startswith("edge: starting"))) > lines.index(
        next(line for line in lines if line.startswith("identity: ready"))
    )
    os.kill(up.pid, signal.SIGHUP)
    ended_in_order(up, tmp_path, 0)


def test_mail_shows_in_the_terminal_with_its_link_until_an_interrupt_stops_all_in_order(
    tmp_path: Path,
) -> None:
    up = foreground(write(tmp_path, topology()))
    origin = until_ready(up)[-1].partition(" — ")[2]
    assert up.stdout is not None
    where = next(line for line in up.stdout if "stays on this machine" in line)
    page = where.partition("machine: ")[2].strip()
    assert httpx.get(page).status_code == 200
    account = {"email": "ada@example.org", "password": "a long enough passphrase"}
    assert httpx.post(f"{origin}/sign-up", json=account).status_code == 202
    line = next(line for line in up.stdout if "ada@example.org" in line)
    found = re.search(rf"to ada@example.org: Confirm your address — ({origin}/account/verify\?key=\S+)", line)
    assert found is not None, line
    assert httpx.get(found[1], headers={"accept": "text/html"}).status_code == 200
    os.kill(up.pid, signal.SIGINT)
    ended_in_order(up, tmp_path, 130)
    logs = b"".join(path.read_bytes() for path in (tmp_path / ".pillion" / "logs").iterdir())
    assert b"key=" not in logs


def test_a_second_interrupt_does_not_wait_for_a_service_that_will_not_end(tmp_path: Path) -> None:
    stubborn = ECHO.replace(
        "import os\n", "import os\nimport signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    )
    file = write(tmp_path, topology())
    (tmp_path / "echo.py").write_text(stubborn, encoding="utf-8")
    up = foreground(file)
    until_ready(up)
    began = time.monotonic()
    os.kill(up.pid, signal.SIGINT)
    assert up.stdout is not None
    for line in up.stdout:
        if line.startswith("service echo: stopping"):
            break
    os.kill(up.pid, signal.SIGINT)
    up.communicate(timeout=20)
    assert up.returncode == 130
    assert time.monotonic() - began < 4


def test_after_a_kill_of_the_supervisor_the_next_up_cleans_up_and_works(mesh: Mesh) -> None:
    before = {workload["pid"] for workload in mesh.status()["workloads"]}
    os.kill(mesh.status()["supervisor"], signal.SIGKILL)
    until(lambda: mesh.status()["supervisor"] is None, "the supervisor is gone")
    status = mesh.status()
    assert not status["ready"]
    assert "unwatched" in {workload["state"] for workload in status["workloads"]}
    again = mesh.pillion("up", "--detach")
    assert again.returncode == 0, again.stderr
    assert not before & {workload["pid"] for workload in mesh.status()["workloads"]}
    assert not [pid for pid in before if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    assert httpx.get(f"{mesh.edge}/").status_code == 200


def test_a_service_that_cannot_start_fails_the_start_and_nothing_is_left(tmp_path: Path) -> None:
    file = write(tmp_path, topology(run="python missing.py"))
    for words in (("up",), ("up", "--detach")):
        failed = pillion(file, *words)
        assert failed.returncode == 1
        assert failed.stderr.startswith(
            "Error: service echo ended at its start (exit code 2); it printed last:\n"
        )
        assert "missing.py" in failed.stderr
        assert "Traceback" not in failed.stderr + failed.stdout
        assert not running_in(tmp_path)


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    text = topology()
    port = int(re.findall(r"listen: 127.0.0.1:(\d+)", text)[0])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        for words in (("up",), ("up", "--detach")):
            failed = pillion(write(tmp_path, text), *words)
            assert failed.returncode == 1
            assert failed.stdout == ""
            assert re.fullmatch(
                rf"Error: edge\.listen in pillion\.yaml: 127\.0\.0\.1:{port} is in use by \S+ "
                rf"\(pid {os.getpid()}\): stop that, or choose another port\n",
                failed.stderr,
            )


def test_a_state_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    (tmp_path / ".pillion").touch()
    failed = pillion(file, "up")
    assert failed.returncode == 1
    assert re.fullmatch(r"Error: the state folder cannot be used: .*\n", failed.stderr)


def test_an_identity_that_cannot_be_prepared_fails_the_start_with_its_reason(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    (tmp_path / ".pillion").mkdir()
    (tmp_path / ".pillion" / "identity.sqlite3").mkdir()
    failed = pillion(file, "up", "--detach")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: identity ")
    assert "Traceback" not in failed.stderr


def test_a_certificate_that_is_none_fails_the_start_with_envoys_reason(tmp_path: Path) -> None:
    file = write(tmp_path, topology().replace("{listen:", "{tls: {certificate: a.pem, key: a.pem}, listen:"))
    (tmp_path / "a.pem").write_text("no certificate", encoding="utf-8")
    failed = pillion(file, "up", "--detach")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: edge does not take its configuration: [warning] [config] ")
    assert "certificate" in failed.stderr


def test_on_a_terminal_a_table_leads_to_the_ready_line_and_the_output(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    ours, theirs = pty.openpty()
    up = subprocess.Popen(
        [*command(), "up", "-f", str(file)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(theirs)
    try:
        seen = _read_until(ours, b"ready in ")
        assert b"RESTARTS" in seen
        edge = re.findall(r"listen: (\S+)}", file.read_text(encoding="utf-8"))[0]
        httpx.get(f"http://{edge}/print/hello-terminal")
        assert b"echo" in _read_until(ours, b"hello-terminal")
        os.kill(up.pid, signal.SIGINT)
        while up.poll() is None:
            _read_some(ours)
        assert up.returncode == 130
    finally:
        if up.poll() is None:
            up.kill()
        os.close(ours)


def _read_until(terminal: int, what: bytes, seconds: float = 40) -> bytes:
    seen = b""
    deadline = time.monotonic() + seconds
    while what not in seen:
        assert time.monotonic() < deadline, seen
        seen += _read_some(terminal)
    return seen


def _read_some(terminal: int) -> bytes:
    if not select.select([terminal], [], [], 0.1)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: nobody has the other end open any more
        return b""
