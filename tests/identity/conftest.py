"""Identity on a state folder of this process: Django can be set up only once."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from pillion.identity.config import Config
from pillion.identity.prepare import prepare
from tests.identity.databases import fresh

_STATE: Final = Path(tempfile.mkdtemp(prefix="pillion-identity-")) / "state"
CONFIG: Final = Config(
    mesh="shop",
    origin="http://localhost:8080",
    allow_origins=("http://localhost:5173",),
    state=_STATE,
    database=fresh(),
)
# Not a fixture: pytest-xdist's own process imports this too, and runs no test.
atexit.register(shutil.rmtree, _STATE.parent, ignore_errors=True)
# At import, so that test modules can import what needs Django's settings.
prepare(CONFIG)

from pillion.identity.passwords import Argon2id  # noqa: E402 - after `prepare`

# How strong it is; for the tests it is made weak, which saves minutes of work: they make thousands of hashes.
STRENGTH: Final = (Argon2id.memory_cost, Argon2id.time_cost, Argon2id.parallelism)
Argon2id.memory_cost, Argon2id.time_cost = 1024, 1


@pytest.fixture(autouse=True)
def _no_limits_used_up() -> None:
    from pillion.identity.models import Tries  # noqa: PLC0415 - after `prepare`

    Tries.objects.all().delete()


@pytest.fixture
def as_before() -> Iterator[None]:
    """Give the others of this folder the keys that they had, and no session that lives longer than theirs."""
    from pillion.identity.models import Session, SigningKey  # noqa: PLC0415 - after `prepare`

    before = SigningKey.objects.get(state="signing")
    yield
    SigningKey.objects.exclude(pk=before.pk).delete()
    before.save(force_update=True)
    Session.objects.all().delete()


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a local mailbox, and addresses confirmed by it."""
    yield from _configured(monkeypatch, mailbox_key="k" * 32)


@pytest.fixture
def mail_unasked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a local mailbox; addresses need not be confirmed."""
    yield from _configured(monkeypatch, mailbox_key="k" * 32, verification="optional")


def _configured(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iterator[None]:
    from django.conf import settings  # noqa: PLC0415 - after `prepare`

    from pillion.identity.models import QueuedMail  # noqa: PLC0415

    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update=changes))
    yield
    QueuedMail.objects.all().delete()
    shutil.rmtree(_STATE / "mail", ignore_errors=True)
