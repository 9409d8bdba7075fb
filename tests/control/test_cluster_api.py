"""How control asks the Kubernetes API, and what it says of the answers: against a real HTTPS server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillion.control import cluster_api
from pillion.control.cluster_api import Api, ApiError, ConflictError, Content
from pillion.control.config import ConfigMap
from tests.certificates import pair
from tests.control import cluster_site
from tests.control.cluster_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give an API that serves."""
    made = cluster_site.new(tmp_path)
    with made.running():
        yield made


def api(site: Site) -> Api:
    """Give the way to it."""
    return Api(ConfigMap.model_validate(site.known), site.environ)


def refused(site: Site) -> ApiError:
    """Be refused; the reason says nothing of the token."""
    with pytest.raises(ApiError) as raised:
        asyncio.run(api(site).read())
    assert "first" not in str(raised.value)
    return raised.value


def test_what_is_changed_is_what_is_read(site: Site) -> None:
    async def talk() -> None:
        empty = await api(site).read()
        assert empty == Content({}, "1")
        changed = await api(site).change({"a": "1", "b": "2"}, empty.version)
        assert changed == Content({"a": "1", "b": "2"}, "2")
        assert (await api(site).change({"a": None}, "2")).data == {"b": "2"}
        assert (await api(site).read()).data == {"b": "2"}

    asyncio.run(talk())


def test_a_change_of_a_state_that_is_no_more_is_a_conflict(site: Site) -> None:
    async def talk() -> None:
        there = await api(site).read()
        await api(site).change({"a": "theirs"}, there.version)
        with pytest.raises(ConflictError):
            await api(site).change({"a": "ours"}, there.version)

    asyncio.run(talk())
    assert site.data == {"a": "theirs"}


def test_a_token_that_the_kubelet_has_replaced_is_taken_up(site: Site) -> None:
    asked = api(site)
    site.tokens = {"second"}
    with pytest.raises(ApiError, match=r"the API does not take the token in .* \(401\)"):
        asyncio.run(asked.read())
    site.mount("second")
    assert asyncio.run(asked.read()).data == {}


def test_a_role_that_lets_nobody_and_an_object_that_is_missing_are_said(site: Site) -> None:
    site.verbs = {"get"}
    with pytest.raises(ApiError, match=r"control may not PATCH ConfigMap pillion-known .* \(403\)"):
        asyncio.run(api(site).change({"a": "1"}, None))
    site.data = None
    assert "(404): apply the manifests" in str(refused(site))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        (500, {}, 0.0),
        (307, {"location": "https://elsewhere.example/"}, 0.0),
    ],
)
def test_what_is_no_answer_is_said_and_when_to_come_again(
    site: Site, status: int, headers: dict[str, str], seconds: float
) -> None:
    """A redirect is none either: it would carry the token to somebody else."""
    site.answer = (status, headers)
    error = refused(site)
    assert str(error) == f"the API answers {status}"
    assert error.again_after == seconds


def test_an_answer_that_does_not_come_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_api, "ANSWER_SECONDS", 0.2)
    site.wait.clear()
    try:
        assert str(refused(site)) == "the API does not answer within 0.2 s"
    finally:
        site.wait.set()


def test_nobody_else_is_shown_the_token(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that another authority vouches for, or none; a proxy of the environment is not used."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    (site.account / "ca.crt").write_text(pair().certificate, encoding="ascii")
    assert "CERTIFICATE_VERIFY_FAILED" in str(refused(site))
    (site.account / "ca.crt").unlink()
    assert str(refused(site)).startswith("the API cannot be asked: ")
    assert site.asked == []


def test_a_token_that_is_none_is_not_repeated(site: Site) -> None:
    site.mount("first\nx: y")
    assert str(refused(site)) == f"{site.account / 'token'} holds no token"


def test_outside_a_pod_it_is_said_that_there_is_no_api(site: Site) -> None:
    with pytest.raises(ApiError) as raised:
        asyncio.run(Api(ConfigMap.model_validate(site.known), {}).read())
    assert str(raised.value) == "KUBERNETES_SERVICE_HOST is not set: control does not run in a pod"
