"""Service accounts: the clients that the services of the mesh are, which nobody registers.

A file names them. On one machine, whoever runs the mesh gives each sidecar a secret, whose hash is in the file. In
pods they show certificates instead, and the file has nothing beside the names.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from pillion import vocabulary
from pillion.identity import workloads
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import clients

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CLIENT_CREDENTIALS: Final = "client_credentials"
# Kept in the place of a secret's hash where there is none: no hash is like it, and such a client is not public.
_NO_SECRET: Final = "certificate"  # noqa: S105 - a word

Mark = tuple[int, int, int]
_read: dict[Path, tuple[Mark, dict[str, str]]] = {}


def is_one(client_id: str) -> bool:
    """Tell whether an id is that of a service account, if there is such a one."""
    return client_id.startswith(f"{vocabulary.SPIFFE}://")


def is_known(client_id: str) -> bool:
    """Tell whether an id is that of a service that is in the mesh now."""
    return client_id in _known()


def find(client_id: str) -> OAuthClient | None:
    """Find the service account of a service that is in the mesh now.

    Its row is written when it is asked for the first time, and when it has another secret. One that shows a
    certificate has a secret that nobody knows.
    """
    secret_hash = _known().get(client_id)
    if secret_hash is None:
        return None
    row = clients.find(client_id)
    wanted: dict[str, Any] = {
        "name": client_id.rpartition("/")[2],
        "secret_hash": secret_hash,
        "grant_types": [_CLIENT_CREDENTIALS],
        "audiences": [settings.PILLION.mesh],
    }
    if row is None or any(getattr(row, name) != value for name, value in wanted.items()):
        row, _ = OAuthClient.objects.update_or_create(
            client_id=client_id,
            defaults=wanted,
            create_defaults=wanted | {"created_at": timezone.now()},
        )
    return row


def _known() -> dict[str, str]:
    """Read the file, if it is another one than the last time; nobody is known while it cannot be read."""
    path: Path | None = settings.PILLION.service_accounts
    if path is None:
        return {}
    try:
        status = path.stat()
        mark = (status.st_ino, status.st_size, status.st_mtime_ns)
        if path not in _read or _read[path][0] != mark:
            _read[path] = (mark, _accounts(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return {}
    return _read[path][1]


def _accounts(written: Any) -> dict[str, str]:
    if not isinstance(written, dict):
        return {}
    named = {name: value for name, value in written.items() if is_one(name)}
    if workloads.are_certified():
        return {name: _NO_SECRET for name, value in named.items() if value is None}
    return {
        name: value for name, value in named.items() if isinstance(value, str) and _SHA256.fullmatch(value)
    }
