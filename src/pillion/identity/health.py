"""`/-/health`: is this process ready, and what has it done? Never routed from outside."""

import json
from typing import Final

from django.db import DatabaseError

from pillion.identity import keys, renewal

PATH: Final = "/-/health"


def answer() -> tuple[str, list[tuple[str, str]], bytes]:
    """Give status, headers and body: ready when the database answers and holds a key to sign with.

    `renewals` counts, for this process since its start, the renewals that were asked for.
    """
    try:
        keys.signing_kid()
        ready = True
    except (DatabaseError, keys.NoSigningKeyError):
        ready = False
    body = json.dumps({"ready": ready, "renewals": renewal.asked()}).encode()
    status = "200 OK" if ready else "503 Service Unavailable"
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return status, headers, body
