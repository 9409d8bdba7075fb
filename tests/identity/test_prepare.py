"""Making a database ready while others look at it already: `pillion up` starts all at once."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from pillion.identity.config import VARIABLE, Config


def test_a_new_database_may_be_looked_at_while_it_is_made_ready(tmp_path: Path) -> None:
    """Identity, control and whoever asks for the status read it, as soon as there is a file."""
    config = Config(mesh="shop", origin="http://localhost:8080", state=tmp_path / "state")
    config.state.mkdir(mode=0o700)
    file = tmp_path / "identity.json"
    file.write_text(config.model_dump_json(), encoding="utf-8")
    with closing(sqlite3.connect(config.database_file, isolation_level=None)) as reader:
        reader.execute("CREATE TABLE there_is_something (here)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM there_is_something").fetchall()
        words = [sys.executable, "-m", "pillion.identity", "prepare"]
        with subprocess.Popen(
            words, env={VARIABLE: str(file)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as preparing:
            deadline = time.monotonic() + 4
            while preparing.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)  # it reads on, for longer than all imports take
            reader.execute("ROLLBACK")
            printed, said = preparing.communicate(timeout=60)
    assert (preparing.returncode, said) == (0, "")
    assert len(json.loads(printed)["keys"]) == 1
    with closing(sqlite3.connect(config.database_file)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_journal_is_changed_by_who_prepares_alone() -> None:
    """Of two that do so at once, SQLite tells one that the database is locked, and `pillion up` had failed."""
    from django.conf import settings  # noqa: PLC0415 - set up by this folder's conftest

    assert "journal_mode" not in settings.DATABASES["default"]["OPTIONS"].get("init_command", "")
