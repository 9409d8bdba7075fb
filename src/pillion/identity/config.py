"""What identity is told at its start: a JSON file, named by the variable PILLION_IDENTITY_CONFIG.

In pods there is no secret in it, but the names of the variables that hold them (`pillion.environment`).
"""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pillion import environment
from pillion.environment import VariablesError
from pillion.identity import postgresql
from pillion.vocabulary import MAX_TOKEN_LIFETIME, Cookies, cookies

VARIABLE: Final = "PILLION_IDENTITY_CONFIG"


class ConfigError(Exception):
    """The configuration cannot be used; the message says which file, what, and what would be right."""


def _database(value: str) -> str:
    if value != "sqlite":
        if not value.startswith("postgresql://"):
            raise ValueError("must be 'sqlite' or postgresql://USER:PASSWORD@HOST/NAME")
        postgresql.parameters(value)
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or value != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError("must be an origin: scheme://host or scheme://host:port")
    return value


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("must be an absolute path")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Users(BaseModel):
    """The service that knows the users, and checks their passwords: docs/users-service.md."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(pattern=r"^https?://")
    secret: str | None = Field(default=None, min_length=32, repr=False)
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    authority: AbsolutePath | None = None
    local_accounts: Literal["refuse", "adopt"] = "refuse"


class ProviderRoles(BaseModel):
    """Which roles a provider's groups stand for: `claim` leads to the groups, names inside each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    claim: tuple[str, ...] = Field(min_length=1)
    groups: dict[str, str]


class Provider(BaseModel):
    """An identity provider by which people sign in; who `google` and the like are stands in `providers.known`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern="^[a-z][a-z0-9-]{0,62}$")
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    issuer: str | None = Field(default=None, pattern=r"^https?://", max_length=200)
    tenant: str | None = Field(default=None, pattern="^[a-z0-9-]+$")
    title: str | None = None
    scopes: tuple[str, ...] = ()
    roles: ProviderRoles | None = None


class MailServer(BaseModel):
    """Where mail is handed in. `tls`: from the first byte, by STARTTLS, or not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"]
    user: str = ""
    password: str = Field(default="", repr=False)


class Config(BaseModel):
    """Everything that identity needs to know. `token_lifetime` and `rotation` are in seconds.

    `workloads` says how those of the mesh prove who they are: on one machine by a secret each, in pods by the
    certificate that they show to the Envoy beside identity. `variables` are those whose values have been put in.
    """

    # Django's settings ask each value for this, each time; pydantic takes long to say that there is no such thing.
    _mask_wrapped: ClassVar[bool] = True

    # hide_input_in_errors: a database URL may hold a password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mesh: str = Field(min_length=1)
    origin: Origin
    allow_origins: tuple[Origin, ...] = ()
    sign_up: Literal["open", "closed"] = "open"
    database: Annotated[str, AfterValidator(_database)] = Field(default="sqlite", repr=False)
    token_lifetime: int = Field(default=300, ge=1, le=int(MAX_TOKEN_LIFETIME.total_seconds()))
    algorithm: Literal["RS256", "ES256", "EdDSA"] = "RS256"
    rotation: int = Field(default=30 * 24 * 3600, ge=3600)
    state: AbsolutePath
    mail_from: str | None = None
    mail_server: MailServer | None = None
    mailbox_key: str | None = Field(default=None, min_length=32, repr=False)
    verification: Literal["required", "optional"] | None = None
    breached_passwords: AbsolutePath | None = None
    users: Users | None = None
    service_accounts: AbsolutePath | None = None
    workloads: Literal["secret", "certificate"] = "secret"
    providers: tuple[Provider, ...] = ()
    variables: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _share_a_database(self) -> Self:
        if self.workloads == "certificate" and self.database == "sqlite":
            raise ValueError("database: pods share no file: must be postgresql://USER:PASSWORD@HOST/NAME")
        return self

    @property
    def secure(self) -> bool:
        """Whether the browser speaks TLS to the edge."""
        return self.origin.startswith("https://")

    @property
    def sends_mail(self) -> bool:
        """Whether a mail to somebody arrives, if only in the local mailbox; a users service sends its own."""
        return self.users is None and (self.mail_server is not None or self.mailbox_key is not None)

    @property
    def verifies(self) -> bool:
        """Whether an address has to be confirmed before its account can be used."""
        return self.sends_mail and self.verification != "optional"

    @property
    def mailbox(self) -> Path | None:
        """The local mailbox, a folder; None where mail is sent, or nobody gets any."""
        return self.state / "mail" if self.mailbox_key and self.mail_server is None else None

    @property
    def cookies(self) -> Cookies:
        """The names of the two cookies at this origin."""
        return cookies(secure=self.secure)

    @property
    def database_file(self) -> Path:
        """Where SQLite keeps everything."""
        return self.state / "identity.sqlite3"

    @property
    def lifetime(self) -> timedelta:
        """How long a token lives."""
        return timedelta(seconds=self.token_lifetime)


# For tools that import the settings without serving (type checkers, makemigrations): see `of_this_process`.
_TOOLING: Final = Config(mesh="tooling", origin="http://localhost", state=Path("/nonexistent"))

_in_use: list[Config] = []


def read(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file at `path`, with its variables taken from `environ`; raises ConfigError, in one sentence."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        variables = environment.names(told)
        told = environment.complete(told, environ)
        return Config.model_validate(told | {"variables": variables} if variables else told)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {key}{': ' if key else ''}{message}") from None
    except VariablesError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path}: is not JSON") from None


def from_environment(environ: Mapping[str, str]) -> Config:
    """Read the file that PILLION_IDENTITY_CONFIG names; raises ConfigError when it is not set."""
    named = environ.get(VARIABLE)
    if not named:
        raise ConfigError(f"{VARIABLE} is not set: it must name identity's configuration file (JSON)")
    return read(Path(named), environ)


def use(config: Config) -> None:
    """Fix the configuration of this process; raises RuntimeError if another one is in use."""
    if _in_use and _in_use[0] != config:
        raise RuntimeError("identity is set up already, with another configuration")
    if not _in_use:
        _in_use.append(config)


def of_this_process() -> Config | None:
    """Give the configuration in use, or else that of the environment; None when there is neither."""
    if not _in_use and os.environ.get(VARIABLE):
        use(from_environment(os.environ))
    return _in_use[0] if _in_use else None


def required() -> Config:
    """Give the configuration of this process; raises ConfigError when there is none."""
    return of_this_process() or from_environment(os.environ)


def or_tooling() -> Config:
    """Give the configuration of this process, or one that can serve nothing: its database is in memory."""
    return of_this_process() or _TOOLING


def is_tooling(config: Config) -> bool:
    """Tell whether this is the configuration that cannot serve."""
    return config is _TOOLING
