"""`pillion user import`: accounts out of files, good ones and bad ones."""

import csv
import io
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from allauth.account.models import EmailAddress
from django.db import DatabaseError

from pillion.identity import accounts
from pillion.identity.models import Session, User
from pillion.identity.user_import import batch
from pillion.identity.user_import.csv_records import CsvRecords
from pillion.identity.user_import.json_records import JsonRecords
from pillion.identity.user_import.lines import MOST_BYTES, ImportFileError, Lines
from pillion.identity.user_import.run import Progress, run
from tests.identity.browser import PASSWORD, Browser, new_email, signed_in
from tests.identity.test_command_line import PILLION, done, folder, pillion

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


def test_people_of_a_csv_file_sign_in_at_once(tmp_path: Path) -> None:
    """With the byte order mark, line ends and quotation marks of whatever wrote it."""
    one, two, three, four = (new_email() for _ in range(4))
    content = (
        "\ufeffEMAIL,password_hash,password,roles,verified,active\r\n".replace("EMAIL", "email")
        + f"{one.upper()},{HASH},,manager buyer,true,\r\n"
        + f'"{two}",,"{SECRET}, ""quoted""","buyer, manager",NO,yes\r\n'
        + "\r\n"
        + f"{three},,,,,\r\n"
        + f"{four},{HASH},,,1,0"
    )
    progress, told = imported(tmp_path, content)
    assert (progress.total.added, progress.total.without_password, told) == (4, 1, [])
    assert Browser().sign_in(one).json()["user"]["roles"] == ["buyer", "manager"]
    assert Browser().sign_in(two, f'{SECRET}, "quoted"').status == 200
    assert Browser().sign_in(three, "").status == 400
    assert Browser().sign_in(four).status == 401
    assert [accounts.find_user(email).verified for email in (one, two, three, four)] == [
        True,
        False,
        False,
        True,
    ]
    assert [accounts.find_user(email).active for email in (one, two, three, four)] == [
        True,
        True,
        True,
        False,
    ]
    assert not (tmp_path / "rejected").exists()


def test_people_of_json_lines_sign_in_at_once(tmp_path: Path) -> None:
    one, two = new_email(), new_email()
    rows = [
        {"email": one, "password_hash": HASH, "roles": ["manager"], "verified": True, "active": None},
        {"email": two, "password": SECRET, "roles": "buyer"},
    ]
    progress, told = imported(tmp_path, "\n\n".join(map(json.dumps, rows)), form=JsonRecords)
    assert (progress.total.added, told) == (2, [])
    assert Browser().sign_in(one).json()["user"]["roles"] == ["manager"]
    assert Browser().sign_in(two, SECRET).json()["user"]["roles"] == ["buyer"]


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


@pytest.mark.parametrize("end", ["", "\n" + "x,,\n" * 30000], ids=["at the end", "within 64 KiB"])
def test_behind_a_quotation_mark_that_is_never_closed_nothing_is_read(tmp_path: Path, end: str) -> None:
    """It may be a text that somebody chose, with what looks like a row in it. What stands before is imported."""
    before = new_email()
    content = f'email,password_hash,roles\n{before},,\n"open\nevil@example.org,{HASH},admin{end}'
    with pytest.raises(ImportFileError, match="line 3: a quotation mark is not closed"):
        imported(tmp_path, content)
    assert accounts.find_user(before).active
    assert not User.objects.filter(email="evil@example.org").exists()


def test_an_address_that_is_there_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    """In whatever spelling; the first one counts."""
    email = new_email()
    rows = [f"{email},first", "x@example.org,", f" {email.upper()} ,second", f"{email},third"]
    progress, told = imported(tmp_path, "\n".join(("email,roles", *rows)))
    assert told == [f"{line}: {email}: is there in line 2 already" for line in (4, 5)]
    assert accounts.find_user(email).roles == ("first",)
    assert progress.total.added == 2


def test_a_second_run_goes_on_where_the_first_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a database that fails in the middle of a batch: of that one nothing is there."""
    people = [new_email() for _ in range(batch.MOST_ROWS * 2)]
    content = "\n".join(("email,password_hash", *(f"{email},{HASH}" for email in people)))
    real, calls = EmailAddress.objects.bulk_create, []

    def failing(*rows: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise DatabaseError
        return real(*rows)

    monkeypatch.setattr(EmailAddress.objects, "bulk_create", failing)
    with pytest.raises(DatabaseError):
        imported(tmp_path, content)
    assert User.objects.filter(email__in=people).count() == batch.MOST_ROWS
    monkeypatch.undo()
    progress, _ = imported(tmp_path, content)
    assert (progress.total.added, progress.total.existing) == (batch.MOST_ROWS, batch.MOST_ROWS)
    assert EmailAddress.objects.filter(email__in=people, primary=True).count() == len(people)


def test_who_signs_up_while_the_import_runs_stops_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole batch is tried again, now with the account that there is."""
    people = [new_email() for _ in range(3)]
    hashes = batch.hashes_of

    def and_sign_up(*arguments: Any) -> object:
        made = hashes(*arguments)
        accounts.add_user(people[1], PASSWORD)
        return made

    monkeypatch.setattr(batch, "hashes_of", and_sign_up)
    progress, _ = imported(tmp_path, "\n".join(("email", *people)))
    assert (progress.total.added, progress.total.existing) == (2, 1)
    assert Browser().sign_in(people[1]).status == 200


def test_an_account_that_exists_is_left_alone(tmp_path: Path) -> None:
    email = accounts.add_user(new_email(), PASSWORD, ["buyer"]).email
    other = bcrypt.hashpw(b"of the file", bcrypt.gensalt(4)).decode()
    content = f"email,password_hash,roles,active\n{email},{other},admin,false\n"
    progress, told = imported(tmp_path, content)
    assert (progress.total.existing, progress.total.updated, told) == (1, 0, [])
    assert Browser().sign_in(email).json()["user"]["roles"] == ["buyer"]


def test_update_changes_roles_and_state_and_never_a_password(tmp_path: Path) -> None:
    """Who is disabled is signed out."""
    browser = signed_in("buyer")
    email = browser.me().json()["email"]
    other = bcrypt.hashpw(b"of the file", bcrypt.gensalt(4)).decode()
    imported(tmp_path, f"email,password_hash,roles\n{email},{other},admin\n", update=True)
    assert browser.renew()["Authorization"]
    assert Browser().sign_in(email).json()["user"]["roles"] == ["admin"]
    progress, _ = imported(tmp_path, f"email,active\n{email},false\n", update=True)
    assert progress.total.updated == 1
    assert accounts.find_user(email).roles == ("admin",)
    assert Browser().sign_in(email).status == 401
    assert browser.renew()["Authorization"] == ""
    assert not Session.objects.filter(user__email=email, revoked_at__isnull=True).exists()


def test_who_took_the_address_of_a_manager_is_not_made_one(tmp_path: Path) -> None:
    """An attack: sign up with their address before the managers are imported."""
    email = new_email()
    assert Browser().post_json("/sign-up", {"email": email, "password": PASSWORD}).status == 200
    EmailAddress.objects.filter(email=email).update(verified=False)
    _, told = imported(tmp_path, f"email,roles,verified\n{email},manager,true\n", update=True)
    assert told[0].startswith(f"2: {email}: exists, and nothing proves that the address is theirs")
    assert accounts.find_user(email).roles == ()


def test_an_address_that_belongs_to_another_account_is_refused(tmp_path: Path) -> None:
    """A second one, or one that they are about to change to."""
    second = new_email()
    owner = User.objects.get(email=accounts.add_user(new_email(), PASSWORD).email)
    EmailAddress.objects.create(user=owner, email=second, primary=False, verified=False)
    _, told = imported(tmp_path, f"email\n{second}\n")
    assert told == [f"2: {second}: is an address of another account"]


def test_a_large_file_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 12,000 rows nothing stays; the database is left out, since it is the file that counts here."""

    class Endless(io.RawIOBase):
        """Makes rows as they are asked for."""

        rows = 0

        def readline(self, _: int | None = -1, /) -> bytes:
            self.rows += 1
            return (
                b"email\n"
                if self.rows == 1
                else b"p%d@example.org\n" % self.rows
                if self.rows < 12_000
                else b""
            )

    monkeypatch.setattr(batch, "write", lambda rows, **_: batch.Outcome(added=len(rows)))
    progress = Progress()
    tracemalloc.start()
    records = CsvRecords(Lines(Endless()))  # type: ignore[arg-type]
    for _ in run(records, tmp_path / "r", progress, update=False, told=lambda *_: None):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert progress.total.added == 11_998
    assert most < 2_000_000


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
