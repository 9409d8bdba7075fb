"""Real Envoys are led from files to files; what one does not take is said in its own words."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import chdir

import pytest

from pillion.envoy.files import render_structure
from pillion.envoy.names import admin_socket
from pillion.local.failure import LocalError
from pillion.local.keeper import Keeper
from pillion.local.output import LogFile
from pillion.local.spec import Spec
from pillion.local.switch import switch
from pillion.local.undo import HalfDoneError, Undo
from pillion.plan import UnixSocket
from tests import wire
from tests.envoy import rig
from tests.envoy.rig import Rig
from tests.load import load_that_never_fails


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys whose files may be changed."""
    with rig.running(tmp_path_factory.mktemp("switch"), "  orders: {app: APP, paths: [/api]}") as started:
        yield started


async def _never() -> bool:
    return False


def keeper(own: Rig, name: str) -> Keeper:
    """Stand beside an Envoy that something else keeps."""
    socket = UnixSocket(path=admin_socket(name))
    spec = Spec(name=name, kind="sidecar", address="", probe=_never, command=None, admin=socket)
    return Keeper(spec, LogFile(own.folder / "none.log"), lambda: None, lambda _, __: None)


def lead(own: Rig, before: dict[str, str], after: dict[str, str]) -> None:
    """Switch the sidecar of orders, from its working directory."""
    with chdir(own.folder):
        asyncio.run(switch(own.folder / "envoy", [keeper(own, "orders")], before, after))


def files(own: Rig) -> dict[str, str]:
    """Give the sidecar's files, but for its bootstrap."""
    every = render_structure(own.plan)
    return {
        path: text for path, text in every.items() if path.startswith("orders/") and "bootstrap" not in path
    }


def test_it_ends_when_all_files_are_taken_up(own: Rig) -> None:
    """Under load, there and back."""
    before = files(own)
    after = {
        path: text.replace("connect_timeout: 2s", "connect_timeout: 3s")
        .replace("num_retries: 2", "num_retries: 3")
        .replace('"%DURATION%"', '"%DURATION%"\n                added: here', 1)
        .replace("version_info: ", "version_info: again-")
        for path, text in before.items()
    }
    assert all(after[path] != before[path] for path in before)
    with load_that_never_fails(own.sidecar(), "/api", own.forge.good):
        lead(own, before, after)
        assert _logged(own)
        lead(own, after, before)
        assert not _logged(own)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("orders/listeners.yaml", "%DURATION%", "%NO_SUCH_THING%", "does not take its configuration"),
        ("orders/inbound.routes.yaml", "prefix: /", "prefix_: /", "does not take its configuration"),
        (
            "orders/clusters.yaml",
            "connect_timeout: 2s",
            "connect_timeout: -2s",
            "does not take its configuration",
        ),
    ],
)
def test_what_an_envoy_refuses_ends_it(own: Rig, file: str, old: str, new: str, words: str) -> None:
    """And what was there before is taken up again."""
    before = files(own)
    assert old in before[file]
    broken = before[file].replace(old, new).replace("version_info: ", "version_info: broken-")
    with load_that_never_fails(own.sidecar(), "/api", own.forge.good):
        with pytest.raises(LocalError, match=words):
            lead(own, before, {file: broken})
        lead(own, {file: broken}, {file: before[file]})


def test_ways_back_are_gone_in_the_opposite_order_and_all_of_them() -> None:
    """Also when one of them fails: then it is said."""
    gone: list[int] = []

    async def back(number: int) -> None:
        gone.append(number)
        if number == 2:
            raise LocalError("the second cannot be taken back")

    async def fail(*, well: bool) -> None:
        async with Undo() as undo:
            for number in (1, 2, 3):
                undo.add(lambda number=number: back(number))  # type: ignore[misc]
            if not well:
                raise LocalError("no")

    with pytest.raises(HalfDoneError, match=r"no\nthe second cannot be taken back"):
        asyncio.run(fail(well=False))
    assert gone == [3, 2, 1]
    asyncio.run(fail(well=True))
    assert gone == [3, 2, 1]


def _logged(own: Rig) -> bool:
    """Say whether the log of a request holds what only the changed listener writes."""
    mark = f"/api/{uuid.uuid4()}"
    wire.ask(own.sidecar(), f"GET {mark} HTTP/1.1", "host: x")
    return "added" in own.audit("orders", mark)
