"""Other issuers' keys: fetched by control, streamed to the Envoys, kept when the issuer is away."""

import asyncio
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillion.control import fetch
from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.issuers import Issuers
from pillion.control.known import read_trusted, write_known
from pillion.envoy.known import NO_KEY
from pillion.envoy.names import VERIFICATION, trusted_keys_file
from tests.certificates import pair
from tests.control import issuer_site
from tests.control.issuer_site import NAME, Site
from tests.control.running import Control, configure, connected, control
from tests.envoy.signatures import new_key, public_jwk
from tests.local.waiting import eventually, until

ONE: dict[str, Any] = {**public_jwk(new_key(2048)), "kid": "issuer-key-one", "use": "sig"}
TWO: dict[str, Any] = {**public_jwk(new_key(2048)), "kid": "issuer-key-two", "use": "sig"}


@pytest.fixture
def site() -> Site:
    """Give an issuer that does not serve yet."""
    made = issuer_site.new()
    made.publish(ONE)
    return made


@contextmanager
def trusting(state: Path, site: Site, **environ: str) -> Iterator[Control]:
    """Run a control that trusts the issuer."""
    configure(state, trust=[site.issuer])
    with control(state, environ=environ) as running:
        yield running


def told(running: Control) -> dict[str, Any]:
    """Give what control has written down of the issuer."""
    return next(iter(running.report().get("trust", [])), {})


def on_file(state: Path) -> list[str]:
    """Name the keys that an Envoy would start with."""
    text = (state / "envoy" / trusted_keys_file(NAME)).read_text(encoding="utf-8")
    return [key["kid"] for key in json.loads(text)["keys"]]


def streamed(running: Control) -> bytes:
    """Give the verification that an Envoy is sent now."""

    async def talk() -> bytes:
        async with connected(running, running.credential("edge")) as envoy:
            await envoy.subscribe("edge", VERIFICATION)
            return bytes(await envoy.receive())

    return asyncio.run(talk())


def test_the_keys_of_an_issuer_reach_every_envoy_and_its_file(state: Path, site: Site) -> None:
    with site.running(), trusting(state, site) as running:
        until(lambda: told(running).get("keys") == [ONE["kid"]], "the keys are fetched")
        assert ONE["kid"].encode() in streamed(running)
        assert on_file(state) == [ONE["kid"], NO_KEY["kid"]]
        assert stat.S_IMODE((state / "envoy" / trusted_keys_file(NAME)).stat().st_mode) == 0o600
        assert told(running)["error"] is None


def test_an_issuer_that_comes_late_is_taken_up_when_it_comes(state: Path, site: Site) -> None:
    """Meanwhile everything else works, and the log and the status say what is missing."""
    with trusting(state, site) as running:
        until(lambda: bool(told(running).get("error")), "control says that the issuer is away")
        assert told(running) == {
            "name": NAME,
            "keys": [],
            "fetched_at": None,
            "error": told(running)["error"],
        }
        assert NO_KEY["kid"].encode() in streamed(running)
        assert on_file(state) == [NO_KEY["kid"]]
        assert f"{site.url}: the keys of sso cannot be fetched" in running.log
        assert "its tokens are refused" in running.log
        with site.running():
            until(lambda: told(running).get("keys") == [ONE["kid"]], "the keys are fetched")
        assert ONE["kid"].encode() in streamed(running)
        assert running.log.count("cannot be fetched") == 1


def test_the_last_good_set_outlives_a_new_start(state: Path, site: Site) -> None:
    with site.running(), trusting(state, site) as running:
        until(lambda: ONE["kid"] in on_file(state), "the keys are written down")
    with trusting(state, site) as running:
        until(lambda: bool(told(running).get("error")), "control says that the issuer is away")
        assert told(running)["keys"] == [ONE["kid"]]
        assert ONE["kid"].encode() in streamed(running)
        assert "s ago stay in use" in running.log


def test_the_last_good_set_is_that_of_this_issuer_alone(state: Path, site: Site) -> None:
    """Who names another issuer under the same name does not trust the first one's keys any more."""
    with site.running(), trusting(state, site):
        until(lambda: ONE["kid"] in on_file(state), "the keys are written down")
    other = issuer_site.new()
    with trusting(state, other) as running:
        until(lambda: on_file(state) == [NO_KEY["kid"]], "the file holds no key")
        assert ONE["kid"].encode() not in streamed(running)


def test_whatever_goes_wrong_with_a_fetch_is_told_and_tried_again(state: Path, site: Site) -> None:
    """Here a proxy of a kind that the client does not speak, which it says by an error of another kind."""
    with trusting(state, site, ALL_PROXY="socks5://127.0.0.1:1") as running:
        until(lambda: "socks" in str(told(running).get("error")).lower(), "the reason is told")
        assert "the keys of sso cannot be fetched" in running.log


def test_an_issuer_is_taken_up_and_let_go_while_control_runs(state: Path, site: Site) -> None:
    with site.running(), control(state) as running:
        assert NAME.encode() not in streamed(running)
        configure(state, trust=[site.issuer])
        until(lambda: told(running).get("keys") == [ONE["kid"]], "the keys are fetched")
        assert ONE["kid"].encode() in streamed(running)
        configure(state)
        until(lambda: not told(running), "nothing is told of it")
        assert ONE["kid"].encode() not in streamed(running)


def test_https_is_checked_with_the_systems_authorities(state: Path, tmp_path: Path) -> None:
    """And with those that the user names, as for any program that uses OpenSSL."""
    site = issuer_site.new("https")
    site.publish(ONE)
    made = pair()
    both = tmp_path / "both.pem"
    both.write_text(made.certificate + made.key, encoding="utf-8")
    with site.running(both):
        with trusting(state, site) as running:
            until(lambda: bool(told(running).get("error")), "the certificate is refused")
            assert "CERTIFICATE_VERIFY_FAILED" in told(running)["error"]
            assert told(running)["keys"] == []
        with trusting(state, site, SSL_CERT_FILE=str(both)) as running:
            until(lambda: told(running).get("keys") == [ONE["kid"]], "the keys are fetched")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, {}, b"{}"), "the answer is 404"),
        ((500, {}, b""), "the answer is 500"),
        ((302, {"location": "/elsewhere"}, b""), "the answer is 302"),
        ((200, {}, b"<html>"), "not JSON"),
        ((200, {}, b'{"keys": []}'), "no public key"),
        ((200, {}, b" " * (fetch.MOST_BYTES + 1)), "longer than"),
        ((200, {"content-encoding": "gzip"}, b"\x1f\x8b"), "not JSON"),
    ],
    ids=["404", "500", "redirect", "html", "empty", "long", "compressed"],
)
def test_an_answer_that_holds_no_keys_changes_nothing(
    state: Path, site: Site, answer: tuple[int, dict[str, str], bytes], why: str
) -> None:
    """What was good before is what counts."""
    site.status, site.headers, site.body = answer
    write_known(state / "envoy", Facts((), {}, 0), {site.issuer: IssuerKeys((ONE,), 1.0)})
    with site.running(), trusting(state, site) as running:
        until(lambda: bool(told(running).get("error")), "control says that the answer is no good")
        assert why in told(running)["error"]
        assert told(running)["keys"] == [ONE["kid"]]
        assert ONE["kid"].encode() in streamed(running)


def test_keys_are_fetched_again_in_time(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key comes, an old one goes; an issuer that fails meanwhile, or hangs, keeps what it had."""
    monkeypatch.setattr(fetch, "SHORTEST_SECONDS", 0.02)
    monkeypatch.setattr(fetch, "FETCH_SECONDS", 0.5)
    monkeypatch.setattr("pillion.control.issuers.RETRY_SECONDS", 0.02)
    site.headers = {"cache-control": "public, max-age=0"}

    async def follow() -> None:
        changes: list[None] = []
        issuers = Issuers(lambda issuer: read_trusted(tmp_path, issuer), lambda: changes.append(None))

        def kids() -> list[str]:
            return [str(key["kid"]) for one in issuers.all() for key in one.keys.keys]

        def errors() -> list[str | None]:
            return [one.error for one in issuers.all()]

        with site.running():
            issuers.trust([site.issuer])
            await eventually(lambda: kids() == [ONE["kid"]], "the first key")
            site.publish(ONE, TWO)
            await eventually(lambda: kids() == [ONE["kid"], TWO["kid"]], "the second key beside it")
            site.publish(TWO)
            await eventually(lambda: kids() == [TWO["kid"]], "the second key alone")
            site.status = 503
            await eventually(lambda: errors() == ["the answer is 503"], "it fails")
            site.status = 200
            await eventually(lambda: errors() == [None], "it is well again")
            site.wait.clear()
            await eventually(lambda: errors() == ["no answer within 0.5 s"], "it hangs")
            assert kids() == [TWO["kid"]]
            site.wait.set()
            await eventually(lambda: errors() == [None], "it answers again")
        await eventually(lambda: errors() != [None], "it is gone")
        assert kids() == [TWO["kid"]]
        assert changes
        await issuers.stop()
        assert issuers.all() == ()

    asyncio.run(follow())


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", 300.0),
        ("max-age=120", 120.0),
        ("public, max-age=600, must-revalidate", 600.0),
        ("no-store", 300.0),
        ("max-age=0", 60.0),
        ("s-maxage=999999, max-age=86400", 900.0),
        ("max-age=abc", 300.0),
    ],
)
def test_the_issuer_says_how_long_its_keys_are_fresh(cache_control: str, seconds: float) -> None:
    """Within limits: a key that was withdrawn is out after a quarter of an hour at most."""
    assert fetch._fresh(cache_control) == seconds  # noqa: SLF001 - a table for one rule
