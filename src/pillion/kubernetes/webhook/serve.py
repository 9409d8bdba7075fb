"""Serves the webhook by TLS with granian until SIGTERM, and takes up certificates as they are renewed."""

import hashlib
import os
import signal
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from granian import Granian
from granian.constants import Interfaces, SSLProtocols

from pillion.kubernetes.webhook import log
from pillion.kubernetes.webhook.app import from_environment

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
_LOOKS_EVERY_SECONDS: Final = 2.0


def serve(bind: tuple[str, int], certificates: Path) -> None:
    """Answer on `bind` with the certificate in a folder until told to stop; raises OSError where it is none."""
    certificate, key = certificates / CERTIFICATE, certificates / KEY
    _try(certificate, key)
    host, port = bind
    server = Granian(
        "pillion.kubernetes.webhook.app:from_environment",
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_access=False,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=5,
    )
    # kubelet puts a new folder in place of the one that granian has looked into.
    server.on_reload(
        lambda: server.build_ssl_context(
            certificate, key, None, SSLProtocols.tls12, ca=None, crl=[], client_verify=False
        )
    )
    seen = _print(certificate, key)
    threading.Thread(target=_watch, args=(certificate, key, seen), daemon=True).start()
    server.serve(target_loader=_load, wrap_loader=False)


def _load() -> Callable[..., Any]:
    return from_environment()


def _watch(certificate: Path, key: Path, seen: bytes) -> None:
    """Have a worker with the new certificate take over when there is one that can be used."""
    wait = threading.Event()
    while not wait.wait(_LOOKS_EVERY_SECONDS):
        try:
            found = _print(certificate, key)
            if found == seen:
                continue
            _try(certificate, key)
        except OSError as error:
            log.say(f"webhook: {certificate}: {error}: going on with the one before")
            continue
        seen = found
        os.kill(os.getpid(), signal.SIGHUP)


def _print(certificate: Path, key: Path) -> bytes:
    return hashlib.sha256(certificate.read_bytes() + b"\0" + key.read_bytes()).digest()


def _try(certificate: Path, key: Path) -> None:
    """Raise OSError (ssl.SSLError is one) where the two are not a certificate and its key."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
