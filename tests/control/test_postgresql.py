"""Control on a real PostgreSQL: it is told of changes, and lives through the database being away."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pillion.control import credentials
from pillion.control.postgresql import LOOK_AGAIN_SECONDS
from pillion.envoy.known import listed
from pillion.envoy.names import REVOCATIONS, VERIFICATION
from tests import postgres
from tests.control.running import Control, Envoy, connected, control, listens, stop
from tests.local.waiting import eventually, until
from tests.postgres import PASSWORD, Postgres

SOON_SECONDS = 2.0
assert SOON_SECONDS < LOOK_AGAIN_SECONDS, "else a change that is not told would be found all the same"


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """Give a server."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def state(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have identity make its tables there, and tell control of them."""
    folder = tmp_path_factory.mktemp("postgresql") / "state"
    folder.mkdir()
    told = {
        "mesh": "proof",
        "origin": "http://localhost:8080",
        "state": str(folder),
        "database": database.url,
    }
    (folder / "identity.json").write_text(json.dumps(told), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pillion.identity", "prepare"],
        env={**os.environ, "PILLION_IDENTITY_CONFIG": str(folder / "identity.json")},
        check=True,
        capture_output=True,
    )
    credentials.ensure_key(folder / "control.key")
    config = {
        "instance": "test",
        "issuer": "http://localhost:8080",
        "audience": "proof",
        "max_lifetime": 3600,
        "envoys": {"edge": "edge"},
        "database": database.url,
        "credentials": str(folder / "control.key"),
        "known": str(folder / "envoy"),
    }
    (folder / "control.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def running(state: Path) -> Iterator[Control]:
    """Give a running control."""
    with control(state) as started:
        yield started


@asynccontextmanager
async def edge(running: Control, node: str = "edge") -> AsyncIterator[Envoy]:
    """Give an Envoy that has taken what there is."""
    async with connected(running, running.credential("edge")) as envoy:
        await envoy.subscribe(node)
        await envoy.take(2)
        yield envoy


def revoke(database: Postgres) -> str:
    """Write a revocation as identity does; gives the session's id."""
    sid = str(uuid.uuid4())
    database.ask("INSERT INTO identity_revocation (sid, until) VALUES (%s, %s)", sid, int(time.time()) + 300)
    return sid


def revoked_for(database: Postgres, running: Control) -> None:
    """See a revocation reach an Envoy, and the acknowledgement reach the database."""

    async def talk() -> None:
        async with edge(running) as envoy:
            began = time.monotonic()
            sid = revoke(database)
            received = await envoy.receive()
            assert time.monotonic() - began < SOON_SECONDS
            assert [resource.name for resource in received.resources] == [REVOCATIONS]
            assert listed(sid).encode() in bytes(received)
            await envoy.acknowledge(received)
            ((number,),) = database.ask("SELECT max(id) FROM identity_revocation")
            await eventually(lambda: _reported(database) == number, "the acknowledgement is written down")

    asyncio.run(talk())


def _reported(database: Postgres) -> int:
    found = database.ask("SELECT document FROM identity_controlreport")
    return max((envoy["revocation"] for (document,) in found for envoy in document["envoys"]), default=0)


def test_a_revocation_is_told_at_once(database: Postgres, running: Control) -> None:
    revoked_for(database, running)


def test_a_key_that_changes_is_told_at_once(database: Postgres, running: Control) -> None:
    """By whomever it is changed."""

    async def talk() -> None:
        async with edge(running) as envoy:
            began = time.monotonic()
            database.ask('UPDATE identity_signingkey SET public_jwk = public_jwk || \'{"x5t": "new"}\'')
            received = await envoy.receive()
            assert time.monotonic() - began < SOON_SECONDS
            assert [resource.name for resource in received.resources] == [VERIFICATION]

    asyncio.run(talk())


def test_it_lives_through_a_kill_of_the_database(database: Postgres, running: Control) -> None:
    """Envoys keep what they have, new ones are served; when it is back, so are the changes."""
    revoked_for(database, running)
    database.kill()
    until(lambda: "the database is away" in running.log, "control says so")

    async def comes() -> None:
        async with edge(running):
            pass

    asyncio.run(comes())
    database.start()
    until(lambda: "the database is back" in running.log, "control says so")
    revoked_for(database, running)


def test_it_waits_for_a_database_that_is_not_there_yet(database: Postgres, state: Path) -> None:
    database.kill()
    with control(state, ready=False) as started:
        time.sleep(1)
        assert started.process.poll() is None
        database.start()
        until(lambda: listens(started.socket), "it listens")
        revoked_for(database, started)


def test_two_controls_tell_their_own_envoys_and_report_them(database: Postgres, state: Path) -> None:
    """One that ends says so, and its Envoy is told by the other one."""
    config = json.loads((state / "control.json").read_text(encoding="utf-8"))
    del config["instance"]
    folder = state.parent / "pods"
    folder.mkdir()
    shutil.copy(state / "control.key", folder)
    (folder / "control.json").write_text(json.dumps(config), encoding="utf-8")

    async def talk(a: Control, b: Control) -> None:
        async with edge(a, "edge@1") as first, edge(b, "edge@2") as second:
            await eventually(lambda: _held(database, "b").keys() == {"edge@2"}, "the second is reported")
            revoke(database)
            ((number,),) = database.ask("SELECT max(id) FROM identity_revocation")
            await first.take(1)
            await eventually(lambda: _held(database, "a") == {"edge@1": number}, "the first has it")
            assert _held(database, "b").keys() == {"edge@2"}
            assert _held(database, "b")["edge@2"] < number
            await second.take(1)
            await eventually(lambda: _held(database, "b") == {"edge@2": number}, "the second has it")
            assert await asyncio.to_thread(stop, a) == 0
            async with edge(b, "edge@1"):
                await eventually(lambda: _held(database, "b").keys() == {"edge@1", "edge@2"}, "it has moved")

    with (
        control(folder, name="a", environ={"POD_NAME": "a"}) as a,
        control(folder, name="b", environ={"POD_NAME": "b"}) as b,
    ):
        asyncio.run(talk(a, b))
        ((ended,),) = database.ask(
            "SELECT document -> 'ended' FROM identity_controlreport WHERE instance = 'a'"
        )
        assert ended <= time.time()


def _held(database: Postgres, instance: str) -> dict[str, int]:
    """Give the latest revocation that each Envoy has, which this control reports."""
    found = database.ask("SELECT document FROM identity_controlreport WHERE instance = %s", instance)
    return {envoy["node"]: envoy["revocation"] for (document,) in found for envoy in document["envoys"]}


def test_its_report_stays_when_it_ends_and_no_password_is_said(database: Postgres, state: Path) -> None:
    with control(state) as started:
        until(lambda: database.ask("SELECT 1 FROM identity_controlreport") != [], "it reports")
        assert stop(started) == 0
    assert database.ask("SELECT 1 FROM identity_controlreport") != []
    assert PASSWORD not in started.log
    assert database.url not in started.log


def test_a_report_that_is_left_by_one_that_was_killed_is_replaced(database: Postgres, state: Path) -> None:
    for _ in range(2):
        with control(state) as started:
            until(lambda: _seen(database) > started_at(started), "it reports")


def _seen(database: Postgres) -> float:
    return max((seen for (seen,) in database.ask("SELECT seen_at FROM identity_controlreport")), default=0.0)


def started_at(running: Control) -> float:
    """Say when it was ready to listen."""
    return running.socket.stat().st_ctime
