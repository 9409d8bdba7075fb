"""`pillion user import`: what is wrong with rows and files."""

import json
import stat
from pathlib import Path

import pytest

from pillion.identity.models import User
from pillion.identity.user_import.json_records import JsonRecords
from pillion.identity.user_import.lines import MOST_BYTES, ImportFileError
from tests.identity.browser import new_email
from tests.identity.test_command_line import folder

__all__ = ["folder"]
from tests.identity.imported import HASH, SECRET, imported

BAD_CSV = {
    "no address": ("x,,", "email: this is not an email address"),
    "an empty one": (",,", "email: there is none"),
    "odd letters in it": ("a\u202e@example.org,,", "email: this is not an email address"),
    "an escape for the terminal": ("\x1b[2Ja@example.org,,", "email: this is not an email address"),
    "a NUL": ("a@example.org,x\0,", "a@example.org: password_hash: holds a NUL"),
    "no UTF-8": (b"a@example.org,,\xff", "a@example.org: roles: is not UTF-8"),
    "no hash": (f"a@example.org,{SECRET},", "a@example.org: password_hash: is of no kind"),
    "no role": (f"a@example.org,,{HASH}", "a@example.org: roles: holds what is no role"),
    "too many roles": (f"a@example.org,,{' '.join(f'role{n:03d}' for n in range(120))}", "are too many"),
    "everything at once": (f"x,{SECRET},{HASH}", "; password_hash: is of no kind"),
    "too few values": ("a@example.org", "has 1 values, and the header names 3"),
    "too many": ("a@example.org,,,", "has 4 values, and the header names 3"),
    "a quotation mark inside": ('"a"b@example.org,,', "is not CSV"),
    "two rows between quotation marks": ('a" ,,\nevil@example.org,,admin\nb" ,,', "is not CSV"),
    "a quoted line end": ('"a\nevil@example.org",,admin', "email: this is not an email address"),
    "a long line": (f"a@example.org,,{'r' * MOST_BYTES}", "is longer than 64 KiB"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "problem"), BAD_CSV.values(), ids=BAD_CSV.keys())
def test_a_bad_row_is_told_and_kept_and_the_good_ones_around_it_are_imported(
    tmp_path: Path, row: str | bytes, problem: str
) -> None:
    before, after = new_email(), new_email()
    raw = row.encode() if isinstance(row, str) else row
    content = b"email,password_hash,roles\n%s,,\n%s\n%s,,\n" % (before.encode(), raw, after.encode())
    progress, told = imported(tmp_path, content)
    assert (progress.total.added, progress.rejected) == (2, 1)
    assert told[0].startswith("3: ")
    assert problem in told[0]
    assert User.objects.filter(email__in=[before, after]).count() == 2
    assert not User.objects.filter(email__in=["evil@example.org", "a@example.org"]).exists()
    kept = (tmp_path / "rejected").read_bytes()
    assert stat.S_IMODE((tmp_path / "rejected").stat().st_mode) == 0o600
    assert kept.startswith(b"problem,email,password_hash,roles\r\n")
    assert problem.rpartition(": ")[2].encode() in kept
    if len(raw) < MOST_BYTES:
        assert raw.partition(b",")[0].replace(b'"', b"").split(b"\n")[0] in kept.replace(b'"', b"")


BAD_JSON = {
    "no JSON": ("{", "is not JSON"),
    "too deep": ("[" * 30000, "is not JSON"),
    "a number of many digits": ('{"email": ' + "9" * 5000 + "}", "is not JSON"),
    "a list": ("[]", "is not a JSON object"),
    "a field twice": ('{"email": "a@example.org", "email": "b@example.org"}', "names a field twice"),
    "no such field": ('{"email": "a@example.org", "sub": "7"}', "no such field: 'sub'; known are email, "),
    "no text": ('{"email": 7}', "email: is not a text"),
    "half a character": (r'{"email": "a@example.org", "password": "\ud800"}', "password: is not UTF-8"),
    "a NUL": (r'{"email": "a@example.org", "password": "\u0000"}', "password: holds a NUL"),
    "a long password": (json.dumps({"email": "a@example.org", "password": "x" * 1025}), "longer than 1024"),
    "two secrets": (json.dumps({"email": "a@example.org", "password": "x", "password_hash": HASH}), "one of them"),
    "no truth": ('{"email": "a@example.org", "active": "perhaps"}', "active: is neither true nor false"),
    "roles within roles": ('{"email": "a@example.org", "roles": [["admin"]]}', "roles: is not a text"),
    "a long line": (" " * MOST_BYTES + " {}", "is longer than 64 KiB"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "problem"), BAD_JSON.values(), ids=BAD_JSON.keys())
def test_a_bad_line_of_json_is_told_and_kept(tmp_path: Path, row: str, problem: str) -> None:
    before, after = new_email(), new_email()
    content = "\n".join((json.dumps({"email": before}), row, json.dumps({"email": after})))
    progress, told = imported(tmp_path, content, form=JsonRecords)
    assert (progress.total.added, progress.rejected) == (2, 1)
    assert told[0].startswith("2: ")
    assert problem in told[0]
    assert problem in json.loads((tmp_path / "rejected").read_text())["problem"]


BAD_FILES = {
    "nothing": (b"", "the file is empty"),
    "a column of another system": (b"email,name,mail\n", "no such column: 'name', 'mail'; known are email, "),
    "no header": (b"a@example.org," + HASH.encode() + b"\n", "no column 'email'"),
    "no address": (b"roles\n", "no column 'email'"),
    "a column twice": (b"email,email\n", "named twice"),
    "semicolons": (b"email;roles\n", "with commas between"),
    "UTF-16": ("email\n".encode("utf-16"), "UTF-16"),
    "a long header": (b"email," * MOST_BYTES, "no column 'email'"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "problem"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_cannot_be_meant_is_refused_whole(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(ImportFileError, match=problem) as caught:
        imported(tmp_path, content)
    assert HASH not in str(caught.value)


def test_json_of_another_system_is_refused_at_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="line 1: no such field: 'username'"):
        imported(tmp_path, '{"username": "a", "email": "a@example.org"}\n' * 3, form=JsonRecords)
    assert not (tmp_path / "rejected").exists()
