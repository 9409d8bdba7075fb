"""The topology: what the user wrote in pillion.yaml, once nothing is wrong with it."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
)
from pydantic.config import JsonDict

from pillion.topology.address import Address, DnsAddress, UnixSocket, parse_app, parse_listen
from pillion.topology.asked import AskedClaim, AskedScope, AskedValues
from pillion.topology.issuer import Claim, Issuer, IssuerName
from pillion.topology.mail import SENDER, SERVER, MailServer, parse_mail_server, parse_sender
from pillion.topology.origin import default_origin, parse_origin
from pillion.topology.providers import (
    parse_client_id,
    parse_client_secret,
    parse_given_role,
    parse_group,
    parse_provider_issuer,
    parse_scope,
    parse_tenant,
    parse_title,
)
from pillion.topology.route import parse_claimed_path, parse_path
from pillion.topology.section import Section, text_schema
from pillion.topology.telemetry import COLLECTOR, parse_collector
from pillion.topology.users import parse_secret, parse_users_url
from pillion.topology.words import (
    IMAGE,
    METHODS,
    NAME,
    RESERVED_NAMES,
    parse_database,
    parse_image,
    parse_lifetime,
    parse_method,
    parse_name,
    parse_role,
    parse_rotation,
    parse_run,
    parse_service_name,
)


def _json_pattern(pattern: re.Pattern[str]) -> str:
    """Leave out the names of groups, which ECMA-262 writes in another way."""
    return re.sub(r"\(\?P<[a-z]+>", "(?:", pattern.pattern)


# What a JSON Schema can say of the checks of lists (checks/duplicates.py).
_SET: Final[JsonDict] = {"uniqueItems": True}
_SOME: Final[JsonDict] = {"uniqueItems": True, "minItems": 1}
_NAMED: Final[JsonDict] = {
    "additionalProperties": False,
    "propertyNames": {"not": {"enum": [*sorted(RESERVED_NAMES)]}},
}

_PATH: Final = "^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$"

Name = Annotated[str, AfterValidator(parse_name), text_schema(pattern=f"^{NAME.pattern}$")]
ServiceName = Annotated[str, AfterValidator(parse_service_name), text_schema(pattern=f"^{NAME.pattern}$")]
Listen = Annotated[
    Address,
    BeforeValidator(parse_listen),
    text_schema(pattern=r"^(localhost|[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$"),
]
App = Annotated[
    Address | UnixSocket,
    BeforeValidator(parse_app),
    text_schema(pattern=r"^((localhost|127\.[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}|unix:/.+)$"),
]
Origin = Annotated[str, AfterValidator(parse_origin), text_schema(pattern=r"^https?://[^/@*]+$")]
Route = Annotated[str, AfterValidator(parse_path), text_schema(pattern=_PATH)]
ClaimedRoute = Annotated[str, AfterValidator(parse_claimed_path), text_schema(pattern=_PATH)]
Method = Annotated[str, AfterValidator(parse_method), text_schema(enum=list(METHODS))]
Role = Annotated[
    str, AfterValidator(parse_role), text_schema(pattern=r"^[a-z0-9]([a-z0-9._:-]{0,62}[a-z0-9])?$")
]
Lifetime = Annotated[timedelta, BeforeValidator(parse_lifetime), text_schema(pattern="^[0-9]{1,6}[smh]$")]
Rotation = Annotated[timedelta, BeforeValidator(parse_rotation), text_schema(pattern="^[0-9]{1,6}[hd]$")]
Database = Annotated[
    Literal["sqlite"] | SecretStr,
    BeforeValidator(parse_database),
    text_schema(pattern="^(sqlite|postgresql://.+)$"),
]
Sender = Annotated[str, AfterValidator(parse_sender), text_schema(pattern=f"^({_json_pattern(SENDER)})$")]
Server = Annotated[
    MailServer, BeforeValidator(parse_mail_server), text_schema(pattern=f"^({_json_pattern(SERVER)})$")
]
UsersUrl = Annotated[str, AfterValidator(parse_users_url), text_schema(pattern=r"^https?://[^@#]+$")]
Secret = Annotated[SecretStr, BeforeValidator(parse_secret), text_schema(pattern="^.{32,}$")]
ProviderIssuer = Annotated[
    str, AfterValidator(parse_provider_issuer), text_schema(pattern=r"^https?://[^#?]+$")
]
ClientId = Annotated[str, AfterValidator(parse_client_id), text_schema(pattern="^[!-~]+$")]
ClientSecret = Annotated[SecretStr, BeforeValidator(parse_client_secret), text_schema(pattern="^[!-~]+$")]
Tenant = Annotated[str, AfterValidator(parse_tenant), text_schema(pattern="^[A-Za-z0-9-]+$")]
Title = Annotated[str, AfterValidator(parse_title), text_schema(pattern="^.{1,40}$")]
Scope = Annotated[str, AfterValidator(parse_scope), text_schema(pattern="^[!-~]+$")]
GivenRole = Annotated[
    str, AfterValidator(parse_given_role), text_schema(pattern=r"^[a-z0-9]([a-z0-9._:-]{0,62}[a-z0-9])?$")
]
Group = Annotated[str, AfterValidator(parse_group), text_schema(pattern="^.{1,256}$")]
Collector = Annotated[
    Address | DnsAddress | UnixSocket,
    BeforeValidator(parse_collector),
    text_schema(pattern=f"^{COLLECTOR.pattern}$"),
]
Image = Annotated[str, AfterValidator(parse_image), text_schema(pattern=f"^({_json_pattern(IMAGE)})$")]
Command = Annotated[str, AfterValidator(parse_run), text_schema()]


def _origin(known: dict[str, Any]) -> str:
    return default_origin(known["listen"], tls=known["tls"] is not None)


class Tls(Section):
    """The certificate that the edge shows; both files are taken up again when they change."""

    certificate: str
    """The certificate and its chain, PEM; a path relative to the topology file."""

    key: str
    """Its private key, PEM; a path relative to the topology file."""


class Edge(Section):
    """The only public address: what the browser reaches."""

    listen: Listen = Address(host="127.0.0.1", port=8080)
    """Where the edge listens, HOST:PORT; 127.0.0.1:8080 when left out."""

    tls: Tls | None = None
    """Files for https; left out, the edge speaks http, on this machine or behind what ends TLS."""

    origin: Origin = Field(default_factory=_origin)
    """What the browser sees, scheme://host[:port]. Left out: localhost at the port of a loopback `listen`."""

    allow_origins: tuple[Origin, ...] = Field((), json_schema_extra=_SET)
    """Frontends served from elsewhere that may call with the user's cookies (CORS)."""


class Mail(Section):
    """Through whom identity sends mail."""

    sender: Sender = Field(alias="from")
    """Whom mail comes from, `Shop <noreply@shop.example>`."""

    smtp: Server
    """The server, smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST (TLS from the start)."""


class ClientTls(Section):
    """The certificate that identity shows to the users service; taken up again when the files change."""

    certificate: str
    """The certificate and its chain, PEM; a path relative to the topology file."""

    key: str
    """Its private key, PEM; a path relative to the topology file."""


class Users(Section):
    """A service of your own that knows the users, and checks their passwords: docs/users-service.md."""

    url: UsersUrl
    """Where identity asks; https, or http on this machine."""

    secret: Secret | None = None
    """What identity signs its questions with, 32 characters or more; the service has it too."""

    tls: ClientTls | None = None
    """The certificate that identity shows to the service, in place of a secret or with one."""

    authority: str | None = None
    """The certificates of the authorities that may vouch for the service, PEM; the system's when left out."""

    local_accounts: Literal["refuse", "adopt"] = "refuse"
    """Whether the service may speak for an account that Pillion had before, of the same verified address."""


class ProviderRoles(Section):
    """Which roles a provider's groups stand for."""

    claim: Claim
    """The claim that lists a person's groups, `groups` for instance; inside another as `outer.inner`."""

    groups: dict[Group, GivenRole] = Field(alias="map", min_length=1)
    """A group, as the provider writes it, and the role that its people have here."""


class Provider(Section):
    """An identity provider by which people sign in: docs/providers.md."""

    client_id: ClientId
    """The name by which the provider knows this mesh."""

    client_secret: ClientSecret
    """What the mesh proves itself with to the provider; from a variable, as ${GOOGLE_SECRET}."""

    issuer: ProviderIssuer | None = None
    """Who the provider says it is, to the letter; needed but for google, microsoft, facebook and github."""

    tenant: Tenant | None = None
    """Of microsoft: the id of the tenant whose people may sign in, or `common`, which it is when left out."""

    title: Title | None = None
    """The words of the button; the provider's name when left out."""

    scopes: tuple[Scope, ...] = Field((), json_schema_extra=_SOME)
    """What is asked for besides `openid` and `email`, where a provider tells groups only then."""

    roles: ProviderRoles | None = None
    """Which roles the provider's groups stand for; left out, it gives none."""


class Identity(Section):
    """The service that knows the users."""

    sign_up: Literal["open", "closed"] = "open"
    """Whether anyone may make an account, or only `pillion user add` does; open when left out."""

    mail: Mail | None = None
    """Through whom mail is sent. Left out on one machine alone, it stays in a mailbox there; else none is sent."""

    verification: Literal["required", "optional"] | None = None
    """Whether an address must be confirmed before the first sign-in; required when left out, if mail is sent."""

    breached_passwords: str | None = None
    """A file or folder of SHA-1 hashes of passwords that are known to others, which nobody may choose."""

    database: Database = "sqlite"
    """Where accounts are kept: sqlite, or postgresql://USER:PASSWORD@HOST/NAME; sqlite when left out."""

    users: Users | None = None
    """A service of your own that checks email and password; left out, Pillion does. With it, sign-up is closed."""

    providers: dict[Name, Provider] = Field({}, json_schema_extra={"additionalProperties": False})
    """By whom people may sign in besides: google, microsoft, facebook, github, or another name with its issuer."""


class Tokens(Section):
    """The signed tokens that prove who is calling."""

    lifetime: Lifetime = timedelta(minutes=5)
    """How long a token is good, such as 30s; 10s to 1h, and 5m when left out."""

    algorithm: Literal["RS256", "ES256", "EdDSA"] = "RS256"
    """What tokens are signed with (RFC 7518, section 3.1, and RFC 8037); RS256 when left out."""

    rotation: Rotation = timedelta(days=30)
    """How long a key signs before the next one does, such as 7d; 1h to 366d, and 30d when left out."""


class Telemetry(Section):
    """Where the mesh tells what happens in it."""

    otlp: Collector | None = None
    """An OpenTelemetry collector for spans and audit lines, such as http://127.0.0.1:4317; a Service, in pods."""

    metrics: Listen | None = None
    """Where `pillion up` serves the metrics of everything to Prometheus, HOST:PORT; nowhere when left out."""


class Rule(Section):
    """Who may send which requests: all that it asks for is needed; where that is nothing, any signed-in caller."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "anyOf": [
                    {"required": ["allow", key]} for key in ("roles", "scopes", "claims", "callers", "mfa")
                ]
            }
        }
    )

    path: Route
    """The path that the rule is for, and all below it."""

    methods: tuple[Method, ...] = Field((), json_schema_extra=_SOME)
    """The methods that the rule is for; all when left out."""

    allow: Literal["anyone"] | None = None
    """`anyone` opens the path to callers who are not signed in."""

    roles: tuple[Role, ...] = Field((), json_schema_extra=_SOME)
    """The caller must hold one of these roles."""

    scopes: tuple[AskedScope, ...] = Field((), json_schema_extra=_SOME)
    """The token must have been granted all of these scopes."""

    claims: dict[AskedClaim, AskedValues] | None = Field(
        None, min_length=1, json_schema_extra={"additionalProperties": False}
    )
    """What the token must say, claim by claim: a value, or a list of which one is enough."""

    callers: tuple[str, ...] = Field((), json_schema_extra=_SOME)
    """The workloads from which the request may come: services that call this one, or `edge`."""

    mfa: StrictBool = False
    """Whether the caller must have signed in with a second factor, or a passkey; false when left out."""


class Service(Section):
    """One of your microservices."""

    app: App
    """Where the service itself listens: a loopback HOST:PORT, or unix:/path/to.sock."""

    run: Command | None = None
    """The command with which `pillion up` starts it; it runs in the folder of this file."""

    image: Image | None = None
    """The container image of its pods: with it, `pillion render kubernetes` writes its Deployment."""

    health: Route | None = None
    """The path at which it answers GET with 200 while it is well: what a pod's probes ask."""

    paths: tuple[ClaimedRoute, ...] = Field((), json_schema_extra=_SET)
    """What the edge sends here: each path and all below it. None: not reachable from the edge."""

    calls: tuple[str, ...] = Field((), json_schema_extra=_SET)
    """The services that it may call."""

    rules: tuple[Rule, ...] = ()
    """Who may do what; the first match decides, and without a match any signed-in caller may."""


class Topology(Section):
    """The edge, the identity service and your services."""

    mesh: Name
    """The name of the whole; also the audience of its tokens."""

    edge: Edge = Edge()
    """The only public address: what the browser reaches."""

    identity: Identity = Identity()
    """The service that knows the users."""

    tokens: Tokens = Tokens()
    """The signed tokens that prove who is calling."""

    telemetry: Telemetry = Telemetry()
    """Spans, logs and metrics."""

    trust: dict[IssuerName, Issuer] = Field({}, json_schema_extra={"additionalProperties": False})
    """Other issuers whose tokens are good here, by a short name that leads their users' ids: `NAME:USER`."""

    services: dict[ServiceName, Service] = Field(min_length=1, json_schema_extra=_NAMED)
    """Your microservices, by name."""
