"""What control keeps of what it knows, when the database is away, odd or another, and when the disk is full."""

import asyncio
import json
import shutil
import stat
import time
from pathlib import Path

from pillion.envoy.known import listed
from pillion.envoy.names import JWKS_FILE, REVOKED_FILE
from tests.control.running import Control, ask, control, envoy, kid, revoke
from tests.local.waiting import eventually, until


def test_what_was_told_is_kept_in_files_for_those_that_start_without_control(running: Control) -> None:
    """Private ones, and a set without keys replaces none."""
    state = running.folder
    sid = revoke(state)
    known = state / "envoy" / REVOKED_FILE
    until(lambda: listed(sid) in known.read_text(encoding="utf-8"), "the list is written")
    jwks = state / "envoy" / JWKS_FILE
    [key] = json.loads(jwks.read_text(encoding="utf-8"))["keys"]
    assert key["kid"] == kid(state)
    assert "d" not in key
    for file in (known, jwks):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ask(state, "UPDATE identity_signingkey SET state = 'gone'")
    until(lambda: "keys: none" in running.log, "control sees that there is none")
    assert json.loads(jwks.read_text(encoding="utf-8"))["keys"] == [key]


def test_a_revocation_dies_with_its_last_token(running: Control) -> None:
    """Of that identity's clock decides, which takes the row away."""
    dead, living = revoke(running.folder, lives=-60), revoke(running.folder, lives=60)
    known = running.folder / "envoy" / REVOKED_FILE
    until(lambda: listed(living) in known.read_text(encoding="utf-8"), "the list is written")
    assert listed(dead) in known.read_text(encoding="utf-8")
    ask(running.folder, "DELETE FROM identity_revocation WHERE until < ?", time.time())
    until(lambda: listed(dead) not in known.read_text(encoding="utf-8"), "it is dead")
    assert listed(living) in known.read_text(encoding="utf-8")


def test_a_backup_in_the_databases_place_takes_no_revocation_back(running: Control) -> None:
    """Nor does it make the next one count as acknowledged before it is."""
    state = running.folder
    shutil.copy(state / "identity.sqlite3", state / "backup.sqlite3")

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)
            told = revoke(state)
            await orders.take(1)
            await eventually(lambda: running.told("orders").get("revocation") == 1, "it is noted")
            for file in state.glob("identity.sqlite3-*"):
                file.unlink()
            (state / "backup.sqlite3").replace(state / "identity.sqlite3")
            await orders.take(1)
            await eventually(lambda: running.told("orders").get("revocation") == 0, "it counts anew")
            assert ask(state, "SELECT count(*) FROM identity_revocation") == [(0,)]
            new = revoke(state)
            received = await orders.receive()
            assert running.told("orders")["revocation"] == 0
            for sid in (told, new):
                assert listed(sid).encode() in bytes(received)

    asyncio.run(talk())


def test_a_row_that_names_no_session_hides_no_other(running: Control) -> None:
    ask(running.folder, "INSERT INTO identity_revocation (sid, until) VALUES ('nonsense', 9999999999)")
    sid = revoke(running.folder)
    known = running.folder / "envoy" / REVOKED_FILE
    until(lambda: listed(sid) in known.read_text(encoding="utf-8"), "the list is written")
    assert "a revocation is left out, since it names no session: 'nonsense'" in running.log


def test_a_file_that_cannot_be_written_is_tried_again(running: Control) -> None:
    """Here something stands in the way of the draft; the keys are written all the same."""
    state = running.folder
    known = state / "envoy" / REVOKED_FILE
    in_the_way = known.with_name(f".{known.name}.control")
    in_the_way.mkdir()
    (state / "envoy" / JWKS_FILE).unlink()
    sid = revoke(state)
    until((state / "envoy" / JWKS_FILE).exists, "the other file is written")
    assert listed(sid) not in known.read_text(encoding="utf-8")
    until(lambda: "cannot be written" in running.log, "and it says so")
    in_the_way.rmdir()
    until(lambda: listed(sid) in known.read_text(encoding="utf-8"), "it is tried again")
    until(lambda: "can be written again" in running.log, "and that is said")


def test_a_database_that_is_none_is_complained_of(state: Path) -> None:
    """Not at once: identity may be about to make it."""
    (state / "identity.sqlite3").write_bytes(b"this is no database" * 100)
    with control(state, ready=False) as waiting:
        until(lambda: "the database cannot be used (file is not a database)" in waiting.log, "it is said")
        assert waiting.process.poll() is None


def test_the_database_may_be_away_and_come_back_as_another(running: Control, prepared: Path) -> None:
    """A copy in its place is read; while there is none, what was told last stays, and nobody is let go."""
    state = running.folder

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)
            for file in state.glob("identity.sqlite3*"):
                file.unlink()
            await eventually(lambda: "the database is away" in running.log, "control complains", 15)
            async with envoy(running, "inventory") as inventory:
                await inventory.take(2)
            shutil.copy(prepared / "identity.sqlite3", state / "copy.sqlite3")
            (state / "copy.sqlite3").replace(state / "identity.sqlite3")
            await eventually(lambda: "the database is back" in running.log, "control says so")
            await eventually(lambda: running.told("orders"), "control reports again")
            revoke(state)
            await orders.take(1)

    asyncio.run(talk())


def test_a_locked_database_holds_nobody_up(running: Control) -> None:
    """A writer that takes its time: control reads on, and reports when it may."""
    import sqlite3  # noqa: PLC0415

    state = running.folder
    blocker = sqlite3.connect(state / "identity.sqlite3", isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")

        async def talk() -> None:
            async with envoy(running, "orders") as orders:
                await orders.take(2)

        asyncio.run(talk())
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()

    async def again() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)
            await eventually(lambda: running.told("orders"), "control reports")

    asyncio.run(again())


def test_control_waits_for_a_database_that_is_not_there_yet(state: Path, prepared: Path) -> None:
    """Until it has keys nobody is listened to: an Envoy does better with its files."""
    (state / "identity.sqlite3").unlink()
    with control(state, ready=False) as waiting:
        time.sleep(2)
        assert waiting.process.poll() is None
        assert not waiting.socket.exists()
        shutil.copy(prepared / "identity.sqlite3", state / "identity.sqlite3")
        until(waiting.socket.exists, "control listens")
