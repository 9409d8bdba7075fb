"""What control is told at its start, and again while it runs: a JSON file, named by PILLION_CONTROL_CONFIG."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationError,
)

from pillion import environment
from pillion.environment import VariablesError
from pillion.plan.model import Issuer, Verification

VARIABLE: Final = "PILLION_CONTROL_CONFIG"
# In a pod: its name, which tells it from the others.
INSTANCE_VARIABLE: Final = "POD_NAME"

_NOTHING: Final[Mapping[str, str]] = {}

Kind = Literal["edge", "sidecar"]


class ConfigError(Exception):
    """The configuration cannot be used; the message says which file, what, and what would be right."""


def _database(value: object) -> object:
    """Tell a URL, which may hold a password, from a path."""
    if not isinstance(value, str):
        return value
    if value.startswith("postgresql://"):
        return SecretStr(value)
    if not value.startswith("/"):
        raise ValueError("must be an absolute path, or postgresql://USER:PASSWORD@HOST/NAME")
    return Path(value)


class ConfigMap(BaseModel):
    """A ConfigMap of the cluster in which control runs.

    In the folder `account` are `token` and `ca.crt` of the ServiceAccount that may read and change it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    namespace: str = Field(pattern="^[a-z0-9-]+$")
    config_map: str = Field(pattern="^[a-z0-9.-]+$")


def _kind_of_known(value: object) -> str:
    """Tell the two, so that what is wrong with one is not said of the other."""
    return "config map" if isinstance(value, dict | ConfigMap) else "folder"


Known = Annotated[
    Annotated[Path, Tag("folder")] | Annotated[ConfigMap, Tag("config map")], Discriminator(_kind_of_known)
]


class Config(BaseModel):
    """Everything that control needs to know. `max_lifetime` is in seconds, paths are absolute.

    `database` is SQLite's file or PostgreSQL's URL. `instance` tells several controls on one database apart.
    `envoys` are all Envoys that may connect, by name; they prove it by secrets under the key in the file
    `credentials`, or where there is none by their certificates. `known` is where to keep what an Envoy starts with
    that cannot reach control, a folder or a ConfigMap. `trust` are other issuers whose tokens are good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    instance: str = Field(min_length=1)
    issuer: str
    audience: str
    max_lifetime: int = Field(gt=0)
    envoys: dict[str, Kind]
    database: Annotated[Path | SecretStr, BeforeValidator(_database)]
    credentials: Path | None
    known: Known
    trust: tuple[Issuer, ...] = ()

    @property
    def mesh(self) -> str:
        """The mesh's name, which is the audience of its tokens and the trust domain of its certificates."""
        return self.audience

    @property
    def verification(self) -> Verification:
        """What a token must say."""
        return Verification(
            issuer=self.issuer,
            audience=self.audience,
            max_lifetime=timedelta(seconds=self.max_lifetime),
            trusted=self.trust,
        )


def read(path: Path, environ: Mapping[str, str] = _NOTHING) -> Config:
    """Read the file at `path`, with what it takes from the environment; raises ConfigError, in one sentence."""
    try:
        told = environment.complete(json.loads(path.read_text(encoding="utf-8")), environ)
        return Config.model_validate(_with_instance(told, environ))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}") from None
    except (VariablesError, _InstanceError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path}: is not JSON") from None


class _InstanceError(ValueError):
    """Which control this is cannot be told."""


def _with_instance(told: Any, environ: Mapping[str, str]) -> Any:
    """Name this control after its pod where the file, which is meant for several, does not."""
    pod = environ.get(INSTANCE_VARIABLE)
    if not isinstance(told, dict) or ("instance" in told and not pod):
        return told
    if "instance" in told:
        raise _InstanceError(
            f"instance: is also {INSTANCE_VARIABLE} in the environment: leave one of them out"
        )
    if not pod:
        raise _InstanceError(f"instance: is not there, nor is {INSTANCE_VARIABLE} in the environment")
    return {**told, "instance": pod}


def named(environ: Mapping[str, str] = os.environ) -> Path:
    """Say where the file is; raises ConfigError when the variable is not set."""
    value = environ.get(VARIABLE)
    if not value:
        raise ConfigError(f"{VARIABLE} is not set: it must name control's configuration file (JSON)")
    return Path(value)
