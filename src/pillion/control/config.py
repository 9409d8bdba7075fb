"""What control is told at its start, and again while it runs: a JSON file, named by PILLION_CONTROL_CONFIG."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from pillion.plan.model import Issuer, Verification

VARIABLE: Final = "PILLION_CONTROL_CONFIG"

Kind = Literal["edge", "sidecar"]


class ConfigError(Exception):
    """The configuration cannot be used; the message says which file, what, and what would be right."""


def _database(value: object) -> object:
    """Tell a URL, which may hold a password, from a path."""
    if not isinstance(value, str):
        return value
    return SecretStr(value) if value.startswith("postgresql://") else Path(value)


class Config(BaseModel):
    """Everything that control needs to know. `max_lifetime` is in seconds, paths are absolute.

    `database` is SQLite's file or PostgreSQL's URL. `instance` tells several controls on one database apart.
    `envoys` are all Envoys that may connect, by name. `known` is the folder for what an Envoy starts with that
    cannot reach control. `trust` are other issuers whose tokens are good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    instance: str = Field(min_length=1)
    issuer: str
    audience: str
    max_lifetime: int = Field(gt=0)
    envoys: dict[str, Kind]
    database: Annotated[Path | SecretStr, BeforeValidator(_database)]
    credentials: Path
    known: Path
    trust: tuple[Issuer, ...] = ()

    @property
    def verification(self) -> Verification:
        """What a token must say."""
        return Verification(
            issuer=self.issuer,
            audience=self.audience,
            max_lifetime=timedelta(seconds=self.max_lifetime),
            trusted=self.trust,
        )


def read(path: Path) -> Config:
    """Read the file at `path`; raises ConfigError, in one sentence."""
    try:
        return Config.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}") from None
    except ValueError:
        raise ConfigError(f"{path}: is not JSON") from None


def named(environ: Mapping[str, str] = os.environ) -> Path:
    """Say where the file is; raises ConfigError when the variable is not set."""
    value = environ.get(VARIABLE)
    if not value:
        raise ConfigError(f"{VARIABLE} is not set: it must name control's configuration file (JSON)")
    return Path(value)
