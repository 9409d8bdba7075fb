"""Admission of pods: the API server asks the webhooks that are registered, and takes no for an answer."""

import asyncio
import base64
import copy
import json
import ssl
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.cluster.objects import Object, Objects
from tests.kubernetes.reach import matches

_POD: Final = {"group": "", "version": "v1", "kind": "Pod"}
_PODS: Final = {"group": "", "version": "v1", "resource": "pods"}
# Gives the address of a Service by its name and namespace.
Look = Callable[[str, str], str]


class RefusedError(Exception):
    """A pod was not let in, or nobody could be asked whether it is."""


async def admitted(objects: Objects, look: Look, pod: Object) -> Object:
    """Give the pod as it is let in: changed by those that may change it, and seen by those that look last."""
    pod = copy.deepcopy(pod)
    for webhook, authority in _asked(objects, "MutatingWebhookConfiguration", pod):
        response = await _ask(webhook, authority, look, pod)
        if "patch" in response:
            for change in json.loads(base64.b64decode(response["patch"])):
                _change(pod, change)
    for webhook, authority in _asked(objects, "ValidatingWebhookConfiguration", pod):
        await _ask(webhook, authority, look, pod)
    return pod


def _asked(objects: Objects, kind: str, pod: Object) -> Iterator[tuple[Object, bytes]]:
    """Find who is to be asked about a new pod, and by what authority they are known."""
    inside = pod["metadata"]["namespace"]
    [labels] = [n["metadata"]["labels"] for n in objects.of("Namespace") if n["metadata"]["name"] == inside]
    for configuration in objects.of(kind):
        # cert-manager's CA injector would write it into `caBundle`.
        where = configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].split("/")
        authority = (objects.content("Secret", *where) or {}).get("ca.crt", b"")
        for webhook in configuration["webhooks"]:
            creates = any("CREATE" in r["operations"] and "pods" in r["resources"] for r in webhook["rules"])
            there = matches(webhook.get("namespaceSelector", {}), labels)
            meant = matches(webhook.get("objectSelector", {}), pod["metadata"].get("labels", {}))
            if creates and there and meant:
                yield webhook, authority


async def _ask(webhook: Object, authority: bytes, look: Look, pod: Object) -> dict[str, Any]:
    """Send a review; raises RefusedError, as `failurePolicy: Fail` has it."""
    assert webhook["failurePolicy"] == "Fail", "no other policy here"
    service = webhook["clientConfig"]["service"]
    try:
        async with asyncio.timeout(webhook["timeoutSeconds"]):
            review = await _post(
                service, authority, look(service["name"], service["namespace"]), _review(pod)
            )
    except (OSError, TimeoutError, ValueError) as error:
        raise RefusedError(f"failed calling webhook {webhook['name']}: {error!r}") from error
    response: dict[str, Any] = review["response"]
    if not response["allowed"]:
        raise RefusedError(f"admission webhook {webhook['name']} denied the request: {response['status']}")
    return response


def _review(pod: Object) -> Object:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": str(uuid.uuid4()),
            "kind": _POD,
            "resource": _PODS,
            "requestKind": _POD,
            "requestResource": _PODS,
            "name": pod["metadata"].get("name", ""),
            "namespace": pod["metadata"]["namespace"],
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


async def _post(service: Object, authority: bytes, address: str, review: Object) -> dict[str, Any]:
    context = ssl.create_default_context(cadata=authority.decode() or None)
    host = f"{service['name']}.{service['namespace']}.svc"
    reader, writer = await asyncio.open_connection(
        address, service.get("port", 443), ssl=context, server_hostname=host
    )
    try:
        body = json.dumps(review).encode()
        writer.write(
            f"POST {service['path']}?timeout=10s HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        answer = await reader.readexactly(length)
        if status != 200:
            raise ValueError(f"{status} {answer.decode()}")
        found: dict[str, Any] = json.loads(answer)
        return found
    finally:
        writer.close()


def _change(pod: Object, change: dict[str, Any]) -> None:
    """Apply one change of a JSON patch (RFC 6902)."""
    assert change["op"] in {"add", "replace"}, f"no other change here: {change['op']}"
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:])
    target: Any = pod
    for part in way:
        target = target[int(part)] if isinstance(target, list) else target[part]
    assert isinstance(target, dict), f"no change of lists here: {change['path']}"
    target[last] = change["value"]
