"""The webhook as a server: requests that are none, its TLS, what it takes up while it runs, and what ends it."""

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.certificates import pair
from tests.kubernetes.inject.api_server import pod, review
from tests.kubernetes.inject.webhook import Webhook, config, refusal, secret, swap


def bad() -> dict[str, tuple[Any, str]]:
    """Give requests that are none, and what is said."""
    good = review(pod())

    def but(**parts: Any) -> dict[str, Any]:
        return {**good, "request": {**good["request"], **parts}}

    return {
        "empty": (b"", "not JSON"),
        "not JSON": (b"{", "not JSON"),
        "deep": (b"[" * 100_000, "not JSON"),
        "a list": ([], "dictionary"),
        "version": ({**good, "apiVersion": "admission.k8s.io/v1beta1"}, "apiVersion"),
        "kind": ({**good, "kind": "Pod"}, "kind"),
        "no request": ({**good, "request": None}, "request"),
        "no uid": (but(uid=""), "request.uid"),
        "another kind": (but(kind={"group": "apps", "version": "v1", "kind": "Deployment"}), "request.kind"),
        "another resource": (
            but(resource={"group": "", "version": "v1", "resource": "nodes"}),
            "request.resource",
        ),
        "a part": (but(subResource="exec"), "request.subResource"),
        "operation": (but(operation="CONNECT"), "request.operation"),
        "no pod": (but(object=None), "request.object"),
        "no pod before": (but(operation="UPDATE"), "request.oldObject"),
    }


@pytest.mark.parametrize("name", bad())
def test_what_is_no_review_is_said_so(name: str, webhook: Webhook) -> None:
    """The API server logs it, and lets no pod in."""
    body, said = bad()[name]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    for path in ("/mutate", "/validate"):
        answer = webhook.client.post(
            f"{webhook.url}{path}", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        status = answer.json()
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", 400)
        assert said in status["message"]


def test_other_requests_are_refused_by_their_own_codes(webhook: Webhook) -> None:
    """By path, method, type and size."""
    client, url = webhook.client, webhook.url
    assert client.post(f"{url}/elsewhere", json={}).status_code == 404
    assert client.get(f"{url}/mutate").status_code == 405
    assert client.post(f"{url}/mutate", content=b"{}").status_code == 415
    huge = {"content-type": "application/json"}
    assert client.post(f"{url}/validate", content=b" " * (2**23 + 1), headers=huge).status_code == 413
    asked = review(pod(), "UPDATE", pod())
    assert client.post(f"{url}/mutate", json=asked).status_code == 400


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_tls_of_today_is_spoken(webhook: Webhook) -> None:
    """1.2 at least."""
    where = urlsplit(webhook.url)
    for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", where.port or 0)) as plain:
            expected = contextlib.nullcontext() if works else pytest.raises(ssl.SSLError)
            with expected, context.wrap_socket(plain) as secure:
                assert secure.version() == "TLSv1.2"


def test_a_changed_topology_is_taken_up_and_a_broken_file_is_not(webhook: Webhook) -> None:
    """The next pod is asked about by the new one."""
    assert refusal(webhook, "/mutate", review(pod("reviews")))
    told = config()
    told["services"]["reviews"] = told["services"]["web"]
    swap(webhook.folder / "config", {"webhook.json": json.dumps(told)})
    assert webhook.ask("/mutate", review(pod("reviews")))["allowed"]
    swap(webhook.folder / "config", {"webhook.json": '{"namespace": "shop"}'})
    assert webhook.ask("/mutate", review(pod("reviews")))["allowed"]
    assert "services: Field required: going on with what was there" in webhook.log()
    swap(webhook.folder / "config", {"webhook.json": json.dumps(config())})
    assert refusal(webhook, "/mutate", review(pod("reviews")))


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(webhook: Webhook) -> None:
    """While requests go on, none of which fails."""
    new = pair()
    where = urlsplit(webhook.url)
    asked = json.dumps(review(pod("web"))).encode()

    async def everything() -> None:
        trusted = [webhook.trusting(new)]
        renewed = asyncio.Event()

        async def go_on() -> int:
            count = 0
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            while not renewed.is_set():
                async with httpx.AsyncClient(verify=context, http2=True) as client:
                    headers = {"content-type": "application/json"}
                    answer = await client.post(f"{webhook.url}/mutate", content=asked, headers=headers)
                assert answer.status_code == 200
                count += 1
            return count

        async def see() -> None:
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(ssl.SSLError):
                        _, writer = await asyncio.open_connection("localhost", where.port, ssl=trusted[0])
                        writer.close()
                        break
                    await asyncio.sleep(0.1)
            renewed.set()

        swap(webhook.folder / "certificates", {**secret(new), "tls.key": pair().key})
        going = asyncio.create_task(go_on())
        async with asyncio.timeout(60):
            while "going on with the one before" not in webhook.log():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.1)
        swap(webhook.folder / "certificates", secret(new))
        await see()
        assert await going > 0

    asyncio.run(everything())


@pytest.mark.parametrize(
    ("file", "text", "code", "said"),
    [
        ("config/webhook.json", "{}", 2, "config/webhook.json: namespace: Field required"),
        ("config/webhook.json", None, 2, "config/webhook.json: no such file or directory"),
        ("certificates/tls.key", "no key", 1, "certificates: "),
    ],
)
def test_what_it_cannot_work_with_ends_it_at_the_start(
    file: str, text: str | None, code: int, said: str, tmp_path: Path
) -> None:
    """In one sentence, which is what a platform's engineer reads in the pod's log."""
    swap(tmp_path / "config", {"webhook.json": json.dumps(config())})
    swap(tmp_path / "certificates", secret(pair()))
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pillion.kubernetes.webhook", "--bind", "127.0.0.1:1"]
    done = subprocess.run(
        [*command, "--certificates", str(tmp_path / "certificates")],
        env={"PILLION_WEBHOOK_CONFIG": str(tmp_path / "config" / "webhook.json")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == code
    assert f"{tmp_path}/{said}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
