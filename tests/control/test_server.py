"""Control as an Envoy and a stranger meet it: real processes, a real database, real streams."""

import asyncio
import base64
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from grpclib.exceptions import GRPCError, StreamTerminatedError

from pillion.control.server import INTRODUCTION_SECONDS
from pillion.envoy.known import listed
from pillion.envoy.names import REVOCATIONS, REVOKED_FILE, VERIFICATION
from tests.control.running import (
    BOTH,
    Control,
    Envoy,
    configure,
    connected,
    control,
    envoy,
    kid,
    revoke,
    stop,
)
from tests.local.waiting import eventually, until


@pytest.fixture(scope="module")
def lasting(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """Give a running control to the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("lasting") / "state"
    shutil.copytree(prepared, folder)
    configure(folder)
    with control(folder) as started:
        yield started


async def refused(stranger: Envoy, node: str | None = None) -> None:
    """Say who this is, if anybody, and have the stream ended for it; grpclib may see its end before the reason."""
    try:
        if node is not None:
            await stranger.subscribe(node)
        with pytest.raises(GRPCError, match=r"UNAUTHENTICATED.*'not an Envoy of this mesh'"):
            await stranger.receive()
    except StreamTerminatedError:
        pass


def test_an_envoy_is_given_keys_and_revocations_and_what_it_acknowledges_is_written_down(
    running: Control,
) -> None:
    state = running.folder
    first = revoke(state)
    known = state / "envoy" / REVOKED_FILE
    until(lambda: listed(first) in known.read_text(encoding="utf-8"), "control knows of it")

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            for _ in BOTH:
                received = await orders.receive()
                [resource] = received.resources
                told_of = kid(state) if resource.name == VERIFICATION else listed(first)
                assert told_of.encode() in bytes(received)
                assert running.told("orders").get("keys", []) == []
                await orders.acknowledge(received)
            await eventually(lambda: running.told("orders").get("keys") == [kid(state)], "the keys are noted")
            # A report may be written between the two acknowledgements.
            await eventually(lambda: running.told("orders")["revocation"] == 1, "the revocation is noted")
            told = running.told("orders")
            assert (told["kind"], told["revocation"], told["refused"]) == ("sidecar", 1, {})
            assert {missing["name"] for missing in running.report()["missing"]} == {"edge", "inventory"}
            second = revoke(state)
            received = await orders.receive()
            assert received.resources[0].name == REVOCATIONS
            assert listed(first).encode() in bytes(received)
            assert listed(second).encode() in bytes(received)
            await orders.acknowledge(received)
            await eventually(lambda: running.told("orders")["revocation"] == 2, "the revocation is noted")
        await eventually(lambda: running.told("orders") == {}, "it is noted that it went")

    asyncio.run(talk())


def test_an_envoy_that_comes_again_is_sent_nothing_it_has(running: Control) -> None:
    """What it says it holds counts as acknowledged, from that moment on."""

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            had = await orders.take(2)
        await eventually(lambda: running.told("orders") == {}, "it is noted that it went")
        async with connected(running, running.credential("orders")) as again:
            await again.subscribe("orders", had=had)
            await eventually(lambda: running.told("orders").get("keys") == [kid(running.folder)], "its keys")
            told = running.told("orders")
            assert told["since"] <= told["acknowledged_at"] <= time.time()
            sid = revoke(running.folder)
            received = await again.receive()
            assert listed(sid).encode() in bytes(received)

    asyncio.run(talk())


@pytest.mark.parametrize("shown", ["", "0" * 64, "another's", "x" * 64, "0" * 100_000])
@pytest.mark.parametrize("node", ["orders", "unknown", "", "orders@1", "edge"])
def test_a_stranger_is_told_nothing(lasting: Control, shown: str, node: str) -> None:
    """Whoever it says it is, and whatever was wrong with it: one answer for all, and nothing in the log."""
    credential = lasting.credential("inventory") if shown == "another's" else shown

    async def talk() -> None:
        async with connected(lasting, credential) as stranger:
            await refused(stranger, node)

    asyncio.run(talk())
    assert lasting.report()["envoys"] == []
    assert lasting.credential("inventory") not in lasting.log
    assert not credential or credential not in lasting.log


def test_who_says_nothing_is_let_go(lasting: Control) -> None:
    async def talk() -> None:
        async with connected(lasting, lasting.credential("orders")) as silent:
            began = time.monotonic()
            await refused(silent)
            assert time.monotonic() - began >= INTRODUCTION_SECONDS - 0.5

    asyncio.run(talk())


def test_two_of_one_workload_are_told_apart(lasting: Control) -> None:
    async def talk() -> None:
        async with envoy(lasting, "orders@pod-a") as first, envoy(lasting, "orders@pod-b") as second:
            await first.take(2)
            await eventually(lambda: lasting.told("orders@pod-a").get("keys"), "the first is noted")
            assert lasting.told("orders@pod-b")["keys"] == []
            assert lasting.told("orders@pod-b")["name"] == "orders"
            await second.take(2)
            await eventually(lambda: lasting.told("orders@pod-b")["keys"], "the second is noted")

    asyncio.run(talk())


def test_a_refusal_is_logged_and_written_down_with_envoys_words_and_the_last_version_counts(
    running: Control,
) -> None:
    state = running.folder

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)
            revoke(state)
            await orders.acknowledge(await orders.receive(), error="I cannot read this")
            await eventually(lambda: running.told("orders")["refused"], "the refusal is noted")
            told = running.told("orders")
            assert told["refused"] == {REVOCATIONS: "I cannot read this"}
            assert (told["revocation"], told["keys"]) == (0, [kid(state)])
            revoke(state)
            await orders.take(1)
            await eventually(lambda: running.told("orders")["revocation"] == 2, "the next one is taken")
            assert running.told("orders")["refused"] == {}

    asyncio.run(talk())
    assert "orders refuses version 1-" in running.log
    assert "I cannot read this" in running.log


def test_an_envoy_that_the_mesh_has_no_more_is_let_go(running: Control) -> None:
    async def talk() -> None:
        async with envoy(running, "orders") as orders, envoy(running, "edge") as edge:
            await orders.take(2)
            await edge.take(2)
            configure(running.folder, {"edge": "edge", "new": "sidecar"})
            with pytest.raises((AssertionError, StreamTerminatedError, GRPCError)):
                await orders.receive()
            await eventually(lambda: running.told("orders") == {}, "it is noted that it went")
            assert running.told("edge")
            async with envoy(running, "new") as new:
                await new.take(2)

    asyncio.run(talk())


def test_a_configuration_that_is_wrong_is_told_and_the_last_one_stays(running: Control) -> None:
    (running.folder / "control.json").write_text('{"instance": ""}', encoding="utf-8")
    until(lambda: "what was read before stays" in running.log, "control complains")

    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)

    asyncio.run(talk())


def test_it_ends_cleanly_with_streams_open(running: Control) -> None:
    async def talk() -> None:
        async with AsyncExitStack() as streams:
            for number in range(20):
                opened = await streams.enter_async_context(envoy(running, f"orders@{number}"))
                await opened.take(2)
            began = time.monotonic()
            assert await asyncio.to_thread(stop, running) == 0
            assert time.monotonic() - began < 3
            streams.pop_all()

    asyncio.run(talk())
    assert not running.socket.exists()
    # What it said last stays: its Envoys go on, and have to be told when it is back.
    assert len(running.report()["envoys"]) == 20
    assert "Traceback" not in running.log


def test_one_that_was_killed_leaves_nothing_in_the_way(state: Path) -> None:
    with control(state) as first:
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        assert first.socket.exists()
        with control(state, ready=False) as second:

            async def talk() -> None:
                async with envoy(second, "orders") as orders:
                    await orders.take(2)

            until(lambda: "keys:" in second.log.rpartition("keys:")[0] + "keys:", "it has started")
            until(lambda: _answers(second), "the second serves")
            asyncio.run(talk())


def _answers(running: Control) -> bool:
    async def talk() -> None:
        async with envoy(running, "orders") as orders:
            await orders.take(2)

    try:
        asyncio.run(talk())
    except OSError:
        return False
    return True


def test_what_is_no_grpc_harms_nobody(lasting: Control) -> None:
    async def talk() -> None:
        _, writer = await asyncio.open_unix_connection(lasting.socket)
        writer.write(base64.b64encode(os.urandom(5000)))
        await writer.drain()
        async with envoy(lasting, "orders") as orders:
            await orders.take(2)
        writer.close()

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("", "is not JSON"),
        ("{}", "instance: is not there, nor is POD_NAME in the environment"),
        ('{"instance": "x", "more": 1}', "Field required"),
    ],
)
def test_a_start_with_a_wrong_configuration_is_one_sentence(state: Path, config: str, says: str) -> None:
    (state / "control.json").write_text(config, encoding="utf-8")
    with control(state, ready=False) as failed:
        assert failed.process.wait(10) == 2
        assert failed.log.startswith(f"control: {state / 'control.json'}: ")
        assert says in failed.log
        assert failed.log.count("\n") == 1


def test_a_start_with_a_key_that_is_none_is_one_sentence(state: Path) -> None:
    (state / "control.key").write_bytes(b"short")
    with control(state, ready=False) as failed:
        assert failed.process.wait(10) == 1
        assert failed.log == (
            f"control: {state / 'control.key'}: does not hold 32 bytes: remove it, and start everything anew\n"
        )
