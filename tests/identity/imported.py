"""Imports a content into this process's identity, and holds what is told against the secrets in it."""

import io
from pathlib import Path

import bcrypt

from pillion.identity.user_import.csv_records import CsvRecords
from pillion.identity.user_import.json_records import JsonRecords
from pillion.identity.user_import.lines import Lines
from pillion.identity.user_import.run import Progress, run
from tests.identity.browser import PASSWORD
from tests.identity.test_command_line import folder

__all__ = ["folder"]
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
SECRET = "a password that is in the file"


def imported(
    tmp_path: Path,
    content: str | bytes,
    *,
    form: type[CsvRecords | JsonRecords] = CsvRecords,
    update: bool = False,
) -> tuple[Progress, list[str]]:
    """Import a content here; gives how it went, and what was told."""
    told: list[str] = []
    progress = Progress()
    raw = content.encode() if isinstance(content, str) else content
    for _ in run(
        form(Lines(io.BytesIO(raw))),
        tmp_path / "rejected",
        progress,
        update=update,
        told=lambda line, problem: told.append(f"{line}: {problem}"),
    ):
        pass
    assert not any(secret in line for line in told for secret in (HASH, HASH[7:], SECRET, PASSWORD))
    return progress, told
