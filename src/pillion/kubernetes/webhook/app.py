"""The webhook over HTTP: POST /mutate and /validate, GET /ready (ASGI)."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

from pillion.kubernetes.containers import ENVOY_IMAGE
from pillion.kubernetes.webhook import config as configuration
from pillion.kubernetes.webhook import decide, log, review
from pillion.kubernetes.webhook.config import Config, ConfigError
from pillion.kubernetes.webhook.decide import Verdict
from pillion.kubernetes.webhook.review import BadReviewError, Request

CONFIG_VARIABLE: Final = "PILLION_WEBHOOK_CONFIG"
IMAGE_VARIABLE: Final = "PILLION_ENVOY_IMAGE"

# A pod may have 3 MiB at the API server, and an update has two of them.
LARGEST: Final = 8 * 2**20
# The API server waits ten seconds for the answer.
SLOWEST_SECONDS: Final = 10

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _RefusedRequestError(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class Webhook:
    """Answers reviews by the file `path`, which is read again when it has changed."""

    def __init__(self, path: Path, image: str) -> None:
        """Read the file; raises ConfigError or OSError."""
        self._path, self._image = path, image
        self._seen = self._stamp()
        self._config = configuration.read(path.read_bytes())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            code, body = await self._answer(scope, receive)
        except _RefusedRequestError as error:
            code, body = error.code, review.failure(error.code, str(error))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, bytes]:
        match scope["path"], scope["method"]:
            case "/ready", "GET" | "HEAD":
                return 200, b"{}"
            case "/mutate" | "/validate", "POST":
                pass
            case "/mutate" | "/validate", _:
                raise _RefusedRequestError(405, "only POST is answered here")
            case _:
                raise _RefusedRequestError(404, "there is nothing here: ask /mutate or /validate")
        try:
            request = review.read(await _body(scope, receive))
        except BadReviewError as error:
            raise _RefusedRequestError(400, f"no AdmissionReview that is understood here: {error}") from None
        verdict = self._verdict(scope["path"], request)
        if verdict.refused:
            _note(scope["path"], request, verdict)
        return 200, review.answer(request, verdict)

    def _verdict(self, path: str, request: Request) -> Verdict:
        config = self._current()
        if path == "/validate":
            return decide.validate(config, self._image, request.namespace, request.pod, request.before)
        if (request.operation, request.subresource) != ("CREATE", ""):
            raise _RefusedRequestError(
                400, "request.operation: a pod gets its sidecar when it is created, or never"
            )
        return decide.mutate(config, self._image, request.namespace, request.pod)

    def _current(self) -> Config:
        """Take up the file anew if it has changed; what cannot be read changes nothing."""
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._config, self._seen = configuration.read(self._path.read_bytes()), stamp
                log.say(f"webhook: {self._path} has changed, and is taken up")
        except (ConfigError, OSError) as error:
            log.say(f"webhook: {self._path}: {error}: going on with what was there")
        return self._config

    def _stamp(self) -> tuple[int, int]:
        """Tell one file from another: kubelet puts a new one in its place."""
        status = self._path.stat()
        return status.st_mtime_ns, status.st_ino


async def _body(scope: Message, receive: Receive) -> bytes:
    headers = {name.lower(): value for name, value in scope["headers"]}
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise _RefusedRequestError(415, "content-type: 'application/json' is needed")
    whole = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_SECONDS):
            more = True
            while more:
                message = await receive()
                whole += message.get("body", b"")
                more = message.get("more_body", False)
                if len(whole) > LARGEST:
                    raise _RefusedRequestError(413, f"a review has {LARGEST} bytes at most")
    except TimeoutError:
        raise _RefusedRequestError(408, f"the review did not come within {SLOWEST_SECONDS} seconds") from None
    return bytes(whole)


def _note(path: str, request: Request, verdict: Verdict) -> None:
    """Write a line about a refusal, for who looks for one who tries."""
    line = {
        "refused": f"{request.namespace}/{request.name or '-'}",
        "by": path.removeprefix("/"),
        "operation": request.operation,
        "subresource": request.subresource,
        "user": request.user.username,
        "uid": request.uid,
        "why": [str(remark) for remark in verdict.refused[:10]],
    }
    log.say(json.dumps(line))


def from_environment() -> Webhook:
    """Make it by what the environment says; raises ConfigError, which names the file."""
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        raise ConfigError(f"{CONFIG_VARIABLE}: is not set: name the file that says what the mesh is")
    try:
        return Webhook(Path(path), os.environ.get(IMAGE_VARIABLE) or ENVOY_IMAGE)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'input/output error').lower()}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
