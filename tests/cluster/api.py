"""The API server's part for pods: ConfigMaps over HTTPS, for ServiceAccounts that a Role lets."""

import asyncio
import base64
import json
import re
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster import cert_manager, network
from tests.cluster.objects import Object, Objects

_ROUTE = re.compile(r"/api/v1/namespaces/([^/?]+)/configmaps/([^/?]+)(\?.*)?")
_VERBS = {"GET": "get", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


class Api:
    """It knows its callers by tokens that it made."""

    def __init__(self, objects: Objects, changed: Callable[[], None]) -> None:
        self._objects, self._changed = objects, changed
        self._tokens: dict[str, tuple[str, str]] = {}
        self.requests: list[tuple[str, str, int]] = []

    def token(self, namespace: str, account: str) -> str:
        """Make a token of a ServiceAccount; it stays the same."""
        for made, whose in self._tokens.items():
            if whose == (namespace, account):
                return made
        made = secrets.token_urlsafe(32)
        self._tokens[made] = (namespace, account)
        return made

    async def serve(self, folder: Path) -> None:
        """Listen where pods look for it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*_certificate(self._objects, folder))
        await asyncio.start_server(self._answer_all, network.API, 443, ssl=context)

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split()
                headers = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self._answer(method, path, headers, body)
                self.requests.append((method, path, status))
                text = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(text)}\r\n\r\n".encode()
                    + text
                )
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        account = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if account is None:
            return _status(401, "Unauthorized")
        route = _ROUTE.fullmatch(path)
        if route is None:
            return _status(404, "the server could not find the requested resource")
        namespace, name = route[1], route[2]
        if not _allowed(self._objects, account, _VERBS.get(method, method), namespace, name):
            return _status(403, f"{account} cannot {method} configmaps {name} in {namespace}")
        found = self._objects.get("ConfigMap", namespace, name)
        if found is None:
            return _status(404, f'configmaps "{name}" not found')
        if method == "PATCH":
            if headers.get("content-type") != "application/merge-patch+json":
                return _status(415, "this harness knows merge patches alone")
            self._objects.change("ConfigMap", namespace, name, json.loads(body).get("data") or {})
            self._changed()
            found = self._objects.get("ConfigMap", namespace, name)
        return 200, found


def _allowed(objects: Objects, account: tuple[str, str], verb: str, namespace: str, name: str) -> bool:
    for binding in objects.of("RoleBinding"):
        subjects = [(s.get("namespace", namespace), s["name"]) for s in binding.get("subjects", ())]
        if binding["metadata"]["namespace"] != namespace or account not in subjects:
            continue
        role = objects.get("Role", namespace, binding["roleRef"]["name"]) or {}
        for rule in role.get("rules", ()):
            named = not rule.get("resourceNames") or name in rule["resourceNames"]
            if verb in rule["verbs"] and "configmaps" in rule["resources"] and named:
                return True
    return False


def _status(code: int, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def _certificate(objects: Objects, folder: Path) -> tuple[str, str]:
    """Give the API server a certificate of the cluster's own authority, which every namespace knows."""
    key = {"algorithm": "ECDSA", "size": 256}
    own = {"metadata": {"name": "kubernetes", "namespace": "kube-system"}}
    for kind, spec in (
        ("Issuer", {"selfSigned": {}}),
        (
            "Certificate",
            {
                "isCA": True,
                "commonName": "kubernetes",
                "secretName": "kubernetes",
                "dnsNames": ["kubernetes.default.svc"],
                "ipAddresses": [network.API],
                "privateKey": key,
                "issuerRef": {"name": "kubernetes"},
            },
        ),
    ):
        objects.apply({**own, "kind": kind, "spec": spec}, "kube-system")
    cert_manager.issue_missing(objects)
    content = objects.content("Secret", "kube-system", "kubernetes")
    assert content is not None
    paths = (folder / "api.crt", folder / "api.key")
    for path, part in zip(paths, ("tls.crt", "tls.key"), strict=True):
        path.write_bytes(content[part])
    return str(paths[0]), str(paths[1])


def root_certificate(objects: Objects) -> str:
    """Give what pods find in ConfigMap kube-root-ca.crt."""
    found = objects.get("Secret", "kube-system", "kubernetes")
    assert found is not None
    return base64.b64decode(found["data"]["ca.crt"]).decode()
