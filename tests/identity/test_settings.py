"""Django's own judgement of the settings and the migrations."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from pillion.identity import config as configuration
from pillion.identity import setup
from pillion.identity.config import ConfigError, read
from tests.identity.conftest import CONFIG
from tests.identity.databases import only_on_sqlite


def test_the_migrations_are_complete() -> None:
    """A model that changed needs a migration."""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_system_checks_have_nothing_to_say() -> None:
    """Those for deployment too; what is silenced has its reason in the settings."""
    call_command("check", deploy=True, fail_level="INFO", stdout=io.StringIO(), stderr=io.StringIO())


@only_on_sqlite
def test_what_is_acknowledged_is_on_the_disk() -> None:
    """SQLite: write-ahead log, every commit synced (2 is FULL), and patience."""
    with connection.cursor() as cursor:
        answers = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert answers == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000}


def test_a_second_configuration_in_one_process_is_refused() -> None:
    """Django's settings cannot be changed."""
    with pytest.raises(RuntimeError, match="another configuration"):
        setup(CONFIG.model_copy(update={"mesh": "other"}))


def test_nothing_is_served_without_a_configuration() -> None:
    """The settings can be imported, by tools; the application cannot."""
    environ = {name: value for name, value in os.environ.items() if name != configuration.VARIABLE}
    imported = subprocess.run(
        [sys.executable, "-c", "import pillion.identity.settings"], env=environ, check=False
    )
    served = subprocess.run(
        [sys.executable, "-c", "import pillion.identity.wsgi"],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert imported.returncode == 0
    assert "PILLION_IDENTITY_CONFIG is not set" in served.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mesh": ""}, "mesh: "),
        ({"origin": "localhost:8080"}, "origin: "),
        ({"origin": "http://localhost/"}, "must be an origin"),
        ({"sign_up": "maybe"}, "sign_up: "),
        (
            {"database": "mysql://me:secret@host/db"},
            "must be 'sqlite' or postgresql://USER:PASSWORD@HOST/NAME",
        ),
        ({"token_lifetime": 0}, "token_lifetime: "),
        ({"token_lifetime": 3601}, "token_lifetime: "),
        ({"state": "relative"}, "must be an absolute path"),
        ({"unknown": 1}, "unknown: "),
    ],
)
def test_a_wrong_configuration_is_one_sentence(
    change: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    """With the file and the key; never with the value, which may be a secret."""
    file = tmp_path / "identity.json"
    file.write_text(json.dumps(json.loads(CONFIG.model_dump_json()) | change))
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
