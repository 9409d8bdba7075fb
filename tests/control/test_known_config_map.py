"""What Envoys start with is kept in a ConfigMap: by real controls, and while the API is away, slow or odd."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from pillion.control import known_config_map
from pillion.control.cluster_api import Api
from pillion.control.config import ConfigMap
from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.known_changes import changes
from pillion.control.known_config_map import KnownConfigMap
from pillion.envoy.known import listed
from tests.control import cluster_site
from tests.control.cluster_site import Site
from tests.control.running import Control, ask, configure, control, kid, revoke, stop
from tests.control.test_known_changes import ISSUER, ONE
from tests.local.waiting import eventually, until


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give an API that does not serve yet."""
    return cluster_site.new(tmp_path)


@asynccontextmanager
async def keeping(site: Site, *, recalled: asyncio.Event | None = None) -> AsyncIterator[KnownConfigMap]:
    """Have a keeper that has begun, and runs."""
    keeper = KnownConfigMap(
        Api(ConfigMap.model_validate(site.known), site.environ), (recalled or asyncio.Event()).set
    )
    await keeper.begin()
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause be longer than it must."""
    for name in (
        "BETWEEN_SECONDS",
        "LOOK_AGAIN_SECONDS",
        "RETRY_SECONDS",
        "LONGEST_RETRY_SECONDS",
        "BEGIN_SECONDS",
    ):
        monkeypatch.setattr(known_config_map, name, 0.05)


def facts(*sids: str) -> Facts:
    """Make facts."""
    return Facts(({"kid": "own", "kty": "RSA"},), dict.fromkeys(sids, 0), len(sids))


def holds(site: Site, sid: str) -> bool:
    """Say whether a revocation is in the ConfigMap."""
    return listed(sid) in (site.data or {}).get("revoked.lua", "")


def environ(site: Site, pod: str) -> dict[str, str]:
    """Give a pod's environment."""
    return site.environ | {"POD_NAME": pod}


def in_pods(state: Path, site: Site) -> None:
    """Tell control what it is told in pods."""
    configure(state, known=site.known, credentials=None)
    told = (state / "control.json").read_text(encoding="utf-8").replace('"instance": "test", ', "")
    (state / "control.json").write_text(told, encoding="utf-8")


@pytest.fixture
def pods(state: Path, site: Site) -> Iterator[tuple[Control, Control]]:
    """Give two controls on one database, with an API."""
    in_pods(state, site)
    with (
        site.running(),
        control(state, environ=environ(site, "control-a"), name="a") as first,
        control(state, environ=environ(site, "control-b"), name="b") as second,
    ):
        yield first, second


def test_two_controls_keep_one_map_and_report_their_own_envoys(
    state: Path, site: Site, pods: tuple[Control, Control]
) -> None:
    """What both know is written once; one that ends says so."""
    first, second = pods
    until(lambda: "jwks.json" in (site.data or {}), "the keys are written")
    assert kid(state) in (site.data or {})["jwks.json"]
    before = site.written
    sid = revoke(state)
    until(lambda: holds(site, sid), "the revocation is written", 20)
    asked = len(site.asked)
    until(lambda: len(site.asked) >= asked + 1 or site.written > before + 1, "the other has looked", 20)
    assert site.written == before + 1
    assert not (state / "envoy").exists()
    assert stop(first) == 0
    reports = dict(ask(state, "SELECT instance, document FROM identity_controlreport"))
    assert reports.keys() == {"control-a", "control-b"}
    assert '"ended": null' in reports["control-b"]
    assert '"ended": null' not in reports["control-a"]
    assert "cannot be kept" not in first.log + second.log


def test_a_start_without_the_api_serves_and_the_map_is_written_when_it_is_back(
    state: Path, site: Site
) -> None:
    in_pods(state, site)
    with control(state, ready=False, environ=environ(site, "control-a")) as running:
        until(lambda: "what Envoys start with cannot be kept" in running.log, "it is said", 20)
        until(running.socket.exists, "it serves all the same", 30)
        with site.running():
            until(lambda: kid(state) in (site.data or {}).get("jwks.json", ""), "the keys are written", 70)
            until(lambda: "can be kept again" in running.log, "and that is said")
    assert running.log.count("cannot be kept") == 1
    assert "first" not in running.log


@pytest.mark.usefixtures("quick")
def test_what_somebody_else_wrote_meanwhile_is_looked_at_again(site: Site) -> None:
    """And what somebody takes away is written again."""

    async def talk() -> None:
        sid = str(uuid.uuid4())
        async with keeping(site) as keeper:
            site.meanwhile = {"note": "theirs"}
            keeper.keep(facts(sid), {}, current=True)
            await eventually(lambda: holds(site, sid), "it is written")
            assert ("PATCH", 409) in site.asked
            assert (site.data or {})["note"] == "theirs"
            site.data = {}
            await eventually(lambda: holds(site, sid), "it is written again")

    with site.running():
        asyncio.run(talk())


@pytest.mark.usefixtures("quick")
def test_a_control_without_its_database_writes_what_is_new_to_nobody_and_takes_nothing_back(
    site: Site,
) -> None:
    """What it knew and had not written yet, it still writes; keys of other issuers as before."""

    async def talk() -> None:
        old, new = str(uuid.uuid4()), str(uuid.uuid4())
        async with keeping(site) as keeper:
            site.answer = (503, {})
            keeper.keep(facts(old), {}, current=True)
            await eventually(lambda: keeper.kept.error, "it is refused")
            keeper.keep(facts(old), {}, current=False)
            site.answer = None
            await eventually(lambda: holds(site, old), "it is written all the same")
            theirs = facts(old, new)
            async with keeping(site) as other:
                other.keep(theirs, {}, current=True)
                await eventually(lambda: holds(site, new), "another control knows more")
            looked = len(site.asked)
            await eventually(lambda: len(site.asked) > looked + 3, "it looks again")
            assert holds(site, new)
            keeper.keep(facts(old), {ISSUER: IssuerKeys((ONE,), time.time())}, current=False)
            await eventually(lambda: "sso.jwks.json" in (site.data or {}), "the issuer's keys are written")
            assert holds(site, new)

    with site.running():
        asyncio.run(talk())


@pytest.mark.usefixtures("quick")
def test_an_issuers_keys_are_remembered_once_the_api_is_back(site: Site) -> None:
    """A start does not wait for ever; none of what is there is lost for it."""

    async def talk() -> None:
        recalled = asyncio.Event()
        async with keeping(site, recalled=recalled) as keeper:
            assert keeper.last(ISSUER) == IssuerKeys()
            keeper.keep(facts(), {ISSUER: IssuerKeys()}, current=True)
            with site.running():
                await asyncio.wait_for(recalled.wait(), 10)
                assert keeper.last(ISSUER).keys == (ONE,)
                await eventually(lambda: "jwks.json" in (site.data or {}), "it is written")
                assert keeper.last(ISSUER).keys == (ONE,)

    site.data = {
        name: text or ""
        for name, text in changes({}, None, {ISSUER: IssuerKeys((ONE,), 1.0)}, 2.0).values.items()
    }
    asyncio.run(talk())


@pytest.mark.usefixtures("quick")
def test_too_many_revocations_are_told_and_so_is_a_map_that_takes_none(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> None:
        async with keeping(site) as keeper:
            keeper.keep(facts(*(str(uuid.uuid4()) for _ in range(60_000))), {}, current=True)
            await eventually(lambda: keeper.kept.left_out, "it is told")
            assert keeper.kept.error is None
            keeper.keep(facts(), {}, current=True)
            await eventually(lambda: not keeper.kept.left_out, "there is room again")
            site.data = None
            keeper.keep(facts(), {}, current=True)
            await eventually(lambda: keeper.kept.error, "it is told")

    with site.running():
        asyncio.run(talk())
    assert "revocations find no room in the ConfigMap" in caplog.text
    assert (
        "there is no ConfigMap pillion-known in the namespace shop (404): apply the manifests" in caplog.text
    )
