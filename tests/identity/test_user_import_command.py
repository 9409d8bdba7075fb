"""`pillion user import`, as an operator runs it."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

from pillion.identity.user_import import batch
from tests.identity.test_command_line import PILLION, done, folder, pillion

__all__ = ["folder"]
from tests.identity.imported import HASH, SECRET


def test_the_command_says_how_it_went_and_with_what_code(folder: Path) -> None:
    """0 when all of it was imported, 1 when a row was rejected, 2 when the file cannot be meant."""
    (folder / "people.csv").write_text(
        f"email,password_hash,verified\na@example.org,{HASH},true\nx,{HASH},true\n"
    )
    result = pillion(folder, "user", "import", "people.csv")
    assert (result.returncode, result.stdout) == (1, "1 added\n")
    assert "people.csv:3: email: this is not an email address" in result.stderr
    assert "1 row was rejected: people.csv.rejected has what, and why" in result.stderr
    assert HASH not in result.stderr
    kept = (folder / "people.csv.rejected").read_text()
    (row,) = csv.DictReader(io.StringIO(kept))
    (folder / "mended.csv").write_text(kept.replace("x,$", "b@example.org,$"))
    assert (row["email"], row["password_hash"]) == ("x", HASH)
    assert done(folder, "user", "import", "mended.csv") == "1 added\n"
    assert done(folder, "user", "import", "mended.csv") == "0 added; 1 exist already, and are as they were\n"
    typed = json.dumps({"email": "c@example.org", "verified": True, "password": SECRET})
    assert done(folder, "user", "import", "-", "--format", "jsonl", typed=typed) == "1 added\n"
    assert "c@example.org  active    verified" in done(folder, "user", "list")
    for arguments, why in (
        (["nothing.csv"], "does not exist"),
        (["-"], "say with --format"),
        (["pillion.yaml", "--format", "csv"], "no column 'email'"),
    ):
        result = pillion(folder, "user", "import", *arguments)
        assert result.returncode == 2, arguments
        assert why in result.stderr
        assert "Traceback" not in result.stderr


def test_on_a_terminal_there_is_a_bar_and_an_interruption_loses_nothing(folder: Path) -> None:
    """Ctrl-C, while it waits for more on standard input: what was read is there, and the exit code 130."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PILLION, "user", "import", "-", "--format", "csv"],
        cwd=folder, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stdin is not None
        rows = "".join(f"p{n}@example.org,true\n" for n in range(batch.MOST_ROWS))
        process.stdin.write(f"email,verified\n{rows}".encode())
        process.stdin.flush()
        shown = b""
        while f"{batch.MOST_ROWS} rows".encode() not in shown:
            shown += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        process.stdin.close()
        while b"interrupted" not in shown:
            shown += os.read(ours, 4096)
    os.close(ours)
    assert f"{batch.MOST_ROWS} added".encode() in shown
    assert b"Traceback" not in shown
    assert done(folder, "user", "list").count("\n") == batch.MOST_ROWS


if sys.platform == "darwin":  # its pseudo-terminals end with their process
    del test_on_a_terminal_there_is_a_bar_and_an_interruption_loses_nothing
