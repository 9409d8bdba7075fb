"""`pillion logs`: everybody's lines, led by their names."""

import signal
import subprocess
from pathlib import Path

import httpx
from tests.cli.echo_mesh import ECHO, topology, write
from tests.mesh import command, pillion, running


def test_the_output_of_the_processes_is_shown_and_followed(tmp_path: Path) -> None:
    with running(tmp_path, topology(), {"echo.py": ECHO}) as mesh:
        shown = mesh.pillion("logs")
        assert shown.returncode == 0
        assert any(
            line.startswith("echo ") and line.endswith("│ echo listens") for line in shown.stdout.splitlines()
        )
        assert any(line.startswith("identity ") for line in shown.stdout.splitlines())

        follow = subprocess.Popen(
            [*command(), "logs", "-f", str(mesh.file), "echo", "--follow"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follow.stdout is not None
        assert follow.stdout.readline().endswith("│ echo listens\n")
        httpx.get(f"{mesh.edge}/print/later")
        assert follow.stdout.readline().endswith("│ later\n")
        follow.send_signal(signal.SIGINT)
        _, said = follow.communicate(timeout=10)
        assert follow.returncode == 130
        assert "Traceback" not in said

        unknown = mesh.pillion("logs", "ecko")
        assert unknown.returncode == 1
        assert unknown.stderr == "Error: nothing named 'ecko' has logs (did you mean 'echo'?)\n"
        secrets = [
            path.read_text(encoding="latin-1")
            for path in (mesh.state / "secrets").rglob("*")
            if path.is_file()
        ]
        assert not [
            secret for secret in secrets if secret.strip() and secret.strip() in mesh.pillion("logs").stdout
        ]


def test_without_logs_it_is_said_how_to_get_some(tmp_path: Path) -> None:
    missing = pillion(write(tmp_path, topology()), "logs")
    assert missing.returncode == 1
    assert missing.stderr.startswith("Error: there are no logs in ")
