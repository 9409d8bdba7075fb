"""The webhook as it runs in a pod: the real program, over real TLS."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.certificates import Pair, pair
from tests.kubernetes import rendered
from tests.mesh import free_ports

IMAGE = "registry.example/envoy@sha256:" + "1" * 64


@dataclass(frozen=True)
class Webhook:
    """A webhook that runs; `folder` has what kubelet would mount."""

    url: str
    folder: Path
    process: "subprocess.Popen[bytes]"
    client: httpx.Client

    def ask(self, path: str, review: Any) -> dict[str, Any]:
        """Send a review, and give its response; it has to be answered."""
        answer = self.client.post(f"{self.url}{path}", json=review)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = body["response"]
        assert response["uid"] == review["request"]["uid"]
        return response

    def log(self) -> str:
        """Read what it has said."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def trusting(self, certificate: Pair) -> ssl.SSLContext:
        """Make what believes in one certificate alone."""
        return ssl.create_default_context(cadata=certificate.certificate)


def refusal(webhook: Webhook, path: str, asked: dict[str, Any]) -> str:
    """Ask, and give why it is refused."""
    response = webhook.ask(path, asked)
    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    assert "patch" not in response
    message: str = response["status"]["message"]
    return message


def config() -> dict[str, Any]:
    """Give the file that is rendered for the shop."""
    (found,) = [
        one
        for one in rendered.of_kind(rendered.SHOP, "ConfigMap")
        if one["metadata"]["name"] == "pillion-webhook-config"
    ]
    read: dict[str, Any] = json.loads(found["data"]["webhook.json"])
    return read


def swap(folder: Path, files: dict[str, str]) -> None:
    """Put files in place as kubelet does: a new folder, and a link that is replaced."""
    new = folder / f"..{time.monotonic_ns()}"
    new.mkdir(parents=True)
    for name, text in files.items():
        (new / name).write_text(text, encoding="utf-8")
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"..data/{name}")
    data = folder / "..data"
    old = data.resolve() if data.exists() else None
    fresh = folder / "..data_tmp"
    fresh.symlink_to(new.name)
    fresh.replace(data)
    if old:
        for path in old.iterdir():
            path.unlink()
        old.rmdir()


def secret(certificate: Pair) -> dict[str, str]:
    """Give the files of cert-manager's Secret."""
    return {"tls.crt": certificate.certificate, "tls.key": certificate.key, "ca.crt": certificate.certificate}


@contextmanager
def running(folder: Path, certificate: Pair | None = None) -> Iterator[Webhook]:
    """Run the program until it is ready, and end it as kubelet does."""
    certificate = certificate or pair()
    swap(folder / "config", {"webhook.json": json.dumps(config())})
    swap(folder / "certificates", secret(certificate))
    (port,) = free_ports(1)
    command = [sys.executable, "-P", "-m", "pillion.kubernetes.webhook", "--bind", f"127.0.0.1:{port}"]
    environ = {
        **os.environ,
        "PILLION_WEBHOOK_CONFIG": str(folder / "config" / "webhook.json"),
        "PILLION_ENVOY_IMAGE": IMAGE,
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "--certificates", str(folder / "certificates")], env=environ, stdout=log, stderr=log
        ) as process,
        httpx.Client(verify=ssl.create_default_context(cadata=certificate.certificate), http2=True) as client,
    ):
        webhook = Webhook(f"https://localhost:{port}", folder, process, client)
        try:
            until(lambda: _is_ready(webhook), webhook)
            yield webhook
        finally:
            process.terminate()
            process.wait(30)


def until(condition: Callable[[], bool], webhook: Webhook) -> None:
    """Wait for a condition, up to a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert webhook.process.poll() is None, webhook.log()
        assert time.monotonic() < deadline, webhook.log()
        time.sleep(0.05)


def _is_ready(webhook: Webhook) -> bool:
    try:
        return webhook.client.get(f"{webhook.url}/ready").status_code == 200
    except httpx.TransportError:
        return False
