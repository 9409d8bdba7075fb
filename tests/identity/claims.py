"""What a JWT says, believed unseen."""

import base64
import json
from typing import Any


def claims(token: str) -> dict[str, Any]:
    """Read a token's payload."""
    return _part(token, 1)


def header(token: str) -> dict[str, Any]:
    """Read a token's header."""
    return _part(token, 0)


def _part(token: str, index: int) -> dict[str, Any]:
    part = token.split(".")[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
