"""Identity's WSGI application: what is asked all the time before Django, and everything else through it."""

import io
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pillion.identity import config as configuration
from pillion.identity import master_key, setup

setup(configuration.required())
# granian copies this process's environment into every request's: what is secret in it has been read, and goes.
for _secret in (master_key.VARIABLE, *configuration.required().variables):
    os.environ.pop(_secret, None)

from django.conf import settings  # noqa: E402 - as above
from django.contrib import admin  # noqa: E402 - needs the settings
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 - needs the settings
from whitenoise import WhiteNoise  # noqa: E402

from pillion.identity import (  # noqa: E402
    health,
    metrics,
    renewal,
    sign_in_by_program,
    state_metrics,
    workloads,
)
from pillion.identity.refusal import Refusal, malformed, problem, too_large  # noqa: E402
from pillion.identity.settings import SESSION_MIDDLEWARE  # noqa: E402
from pillion.identity.sql import release  # noqa: E402
from pillion.vocabulary import CLIENT_PATHS, IDENTITY_BODY_BYTES  # noqa: E402

StartResponse = Callable[..., Any]
Environ = dict[str, Any]

_log = logging.getLogger("pillion.identity")
_STATIC = Path(__file__).parent / "static"


def _static_headers(headers: Any, path: str, url: str) -> None:  # noqa: ARG001 - WhiteNoise's signature
    headers["X-Content-Type-Options"] = "nosniff"


class _Programs(WSGIHandler):
    """Without what belongs to browsers (sessions, users, messages): programs show what they are in the request."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        every = settings.MIDDLEWARE
        settings.MIDDLEWARE = every[: every.index(SESSION_MIDDLEWARE)]
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = every


_programs = _Programs()
_pages = WhiteNoise(
    WSGIHandler(),
    root=_STATIC,
    prefix="/pillion/static/",
    max_age=300,
    allow_all_origins=False,
    add_headers_function=_static_headers,
)
_pages.add_files(Path(admin.__file__).parent / "static", prefix="/pillion/static/")

# What it says of itself, to whoever reaches its socket.
_OF_ITSELF: dict[str, Callable[[], tuple[str, list[tuple[str, str]], bytes]]] = {
    health.PATH: health.answer,
    metrics.PATH: lambda: metrics.answer(state_metrics.text()),
}


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    path = environ["PATH_INFO"]
    if path in _OF_ITSELF:
        status, headers, text = _OF_ITSELF[path]()
        release()
        start_response(status, headers)
        return [text]
    if (refusal := workloads.refusal(environ, path)) is not None:
        return _refuse(start_response, refusal)
    if renewal.is_renewal(path):
        status, headers = renewal.answer(environ)
        release()
        start_response(status, [*headers, ("content-length", "0")])
        return [b""]
    if not _take_body(environ):
        return _refuse(start_response, too_large(IDENTITY_BODY_BYTES))
    try:
        answer: Iterable[bytes] = _handler(environ)(environ, start_response)
    except ValueError as error:  # Django reads the content type before its handlers stand
        _log.warning("a request that cannot be read: %s", type(error).__name__)
        return _refuse(start_response, malformed("The request's headers cannot be read."))
    return answer


def _handler(environ: Environ) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    if sign_in_by_program.is_one(environ):
        return _sign_in
    return _programs if environ["PATH_INFO"] in CLIENT_PATHS else _pages


def _sign_in(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    try:
        status, headers, content = sign_in_by_program.answer(environ)
    finally:
        release()
    start_response(status, headers)
    return [content]


def _take_body(environ: Environ) -> bool:
    """Read the body, whether its length was announced or it came in chunks; False if it is too long."""
    content = b""
    while len(content) <= IDENTITY_BODY_BYTES and (
        part := environ["wsgi.input"].read(IDENTITY_BODY_BYTES + 1 - len(content))
    ):
        content += part
    if len(content) > IDENTITY_BODY_BYTES:
        return False
    environ["CONTENT_LENGTH"] = str(len(content))
    environ["wsgi.input"] = io.BytesIO(content)
    return True


def _refuse(start_response: StartResponse, refusal: Refusal) -> list[bytes]:
    metrics.REFUSALS.labels(refusal.code).inc()
    content = json.dumps(problem(refusal)).encode()
    start_response(
        f"{refusal.status.value} {refusal.status.phrase}",
        [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(content))),
            ("connection", "close"),
        ],
    )
    return [content]
