"""Makes the state folder ready to serve: tables, signing key. Idempotent, and safe when two run at once."""

import fcntl
from typing import Any

from pillion.identity import setup
from pillion.identity.config import Config


def prepare(config: Config) -> dict[str, Any]:
    """Migrate, make the first signing key, forget long-dead sessions, and give the public keys (JWKS).

    Raises MasterKeyError, or OSError when the state folder cannot be written.
    """
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    setup(config)
    from django.core.management import call_command  # noqa: PLC0415 - needs the settings
    from django.utils import timezone  # noqa: PLC0415

    from pillion.identity import keys, rotation, sessions  # noqa: PLC0415
    from pillion.identity.session_store import SessionStore  # noqa: PLC0415

    # Django's migrations are not made for two at once: the second waits here, and finds nothing to do.
    with (config.state / "identity.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        rotation.ensure_signing_key()
        SessionStore.clear_expired()
        sessions.forget_revocations(timezone.now())
        return keys.jwks()
