"""`pillion user import`: whole files, run once and again."""

import io
import json
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
from pillion.identity.user_import.lines import ImportFileError, Lines
from pillion.identity.user_import.run import Progress, run
from tests.identity.browser import PASSWORD, Browser, new_email, signed_in
from tests.identity.test_command_line import folder

__all__ = ["folder"]
from tests.identity.imported import HASH, SECRET, imported


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


def test_an_update_takes_no_operators_role_away(tmp_path: Path) -> None:
    """It could not give it back."""
    email = accounts.add_user(new_email(), PASSWORD, ["pillion-operator"]).email
    imported(tmp_path, f"email,roles\n{email},manager\n", update=True)
    assert User.objects.get(email=email).roles == ["manager", "pillion-operator"]
