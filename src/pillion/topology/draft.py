"""What can be made out of a topology that may have mistakes, for the checks of what goes together.

So that all mistakes come at once, the checks must run although some values are unusable. A draft holds the
usable ones, each with its path; a check then says nothing that merely follows from a mistake said already.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pillion.topology.address import Address, UnixSocket, parse_app, parse_listen
from pillion.topology.finding import KeyPath, within
from pillion.topology.model import Edge
from pillion.topology.origin import default_origin
from pillion.topology.source import Source

T = TypeVar("T")


@dataclass(frozen=True)
class Item(Generic[T]):
    """A usable value; `written` is how the user wrote it, in quotation marks, for messages."""

    path: KeyPath
    value: T
    written: str


@dataclass(frozen=True)
class Items:
    """The usable texts of a list; `whole` when none was left out as unusable."""

    path: KeyPath
    items: tuple[Item[str], ...] = ()
    whole: bool = True
    given: bool = False


@dataclass(frozen=True)
class DraftEdge:
    """The usable parts of the edge; a value left out by the user stands here as its default."""

    listen: Item[Address] | None
    origin: Item[str] | None
    origin_given: bool
    tls_given: bool
    tls_files: tuple[Item[str], ...]
    allow_origins: Items


@dataclass(frozen=True)
class DraftIdentity:
    """The usable parts of identity."""

    verification: Item[str] | None
    mail_given: bool
    breached_passwords: Item[str] | None


@dataclass(frozen=True)
class DraftUsers:
    """The usable parts of a users service, and whether people may sign up here beside it."""

    url: Item[str] | None
    secret_given: bool
    tls_given: bool
    sign_up: Item[str] | None
    files: tuple[Item[str], ...]


@dataclass(frozen=True)
class DraftProvider:
    """The usable parts of an identity provider, and which of its keys the user wrote."""

    name: str
    at: KeyPath
    given: frozenset[str]
    issuer: Item[str] | None
    scopes: Items


@dataclass(frozen=True)
class DraftRule:
    """The usable parts of a rule, and which of its keys the user wrote."""

    at: KeyPath
    path: Item[str] | None
    methods: Items
    roles: Items
    scopes: Items
    callers: Items
    given: frozenset[str]


@dataclass(frozen=True)
class DraftService:
    """The usable parts of a service."""

    name: str
    app: Item[Address | UnixSocket] | None
    paths: Items
    calls: Items
    rules: tuple[DraftRule, ...]


@dataclass(frozen=True)
class Draft:
    """The usable parts of a topology; `names` are all services', usable or not."""

    edge: DraftEdge
    metrics: Item[Address] | None
    identity: DraftIdentity
    users: DraftUsers | None
    providers: tuple[DraftProvider, ...]
    issuers: tuple[Item[str], ...]
    services: tuple[DraftService, ...]
    names: frozenset[str]


def draft(source: Source, unusable: AbstractSet[KeyPath]) -> Draft:
    """Collect what is usable: all of the source's data but what stands at or below the `unusable` paths."""
    read = _Reader(source, unusable)
    services = _mapping(_mapping(source.data).get("services"))
    return Draft(
        edge=_edge(read, _mapping(_mapping(source.data).get("edge"))),
        metrics=read.item(("telemetry", "metrics"), parse_listen),
        identity=DraftIdentity(
            verification=read.item(("identity", "verification"), str),
            mail_given="mail" in _mapping(_mapping(source.data).get("identity")),
            breached_passwords=read.item(("identity", "breached_passwords"), str),
        ),
        users=_users(read, _mapping(_mapping(source.data).get("identity"))),
        providers=_providers(read, _mapping(_mapping(source.data).get("identity"))),
        issuers=tuple(
            issuer
            for name in _mapping(_mapping(source.data).get("trust"))
            if (issuer := read.item(("trust", name, "issuer"), str))
        ),
        services=tuple(
            _service(read, name, body) for name, body in services.items() if isinstance(body, dict)
        ),
        names=frozenset(services),
    )


@dataclass(frozen=True)
class _Reader:
    source: Source
    unusable: AbstractSet[KeyPath]

    def item(self, path: KeyPath, parse: Callable[[str], T]) -> Item[T] | None:
        value = self.source.value(path)
        if within(path, self.unusable) or not isinstance(value, str):
            return None
        return Item(path, parse(value), self.source.written(path))

    def items(self, path: KeyPath) -> Items:
        values = self.source.value(path)
        if values is None and not within(path, self.unusable):
            return Items(path)
        if not isinstance(values, list):
            return Items(path, whole=False, given=True)
        found = [self.item((*path, i), str) for i in range(len(values))]
        usable = tuple(item for item in found if item)
        return Items(path, usable, whole=len(usable) == len(found), given=True)


def _edge(read: _Reader, body: dict[str, Any]) -> DraftEdge:
    listen = read.item(("edge", "listen"), parse_listen)
    if "listen" not in body:
        default = Edge.model_fields["listen"].default
        listen = Item(("edge", "listen"), default, f"'{default}'")
    origin = read.item(("edge", "origin"), str)
    if "origin" not in body and listen:
        derived = default_origin(listen.value, tls="tls" in body)
        origin = Item(("edge", "origin"), derived, f"'{derived}'")
    files = (read.item(("edge", "tls", key), str) for key in ("certificate", "key"))
    return DraftEdge(
        listen=listen,
        origin=origin,
        origin_given="origin" in body,
        tls_given="tls" in body,
        tls_files=tuple(item for item in files if item),
        allow_origins=read.items(("edge", "allow_origins")),
    )


def _users(read: _Reader, identity: dict[str, Any]) -> DraftUsers | None:
    body = identity.get("users")
    if not isinstance(body, dict):
        return None
    at = ("identity", "users")
    files = ((*at, "tls", "certificate"), (*at, "tls", "key"), (*at, "authority"))
    return DraftUsers(
        url=read.item((*at, "url"), str),
        secret_given="secret" in body,
        tls_given="tls" in body,
        sign_up=read.item(("identity", "sign_up"), str),
        files=tuple(item for path in files if (item := read.item(path, str))),
    )


def _providers(read: _Reader, identity: dict[str, Any]) -> tuple[DraftProvider, ...]:
    at = ("identity", "providers")
    return tuple(
        DraftProvider(
            name=name,
            at=(*at, name),
            given=frozenset(body),
            issuer=read.item((*at, name, "issuer"), str),
            scopes=read.items((*at, name, "scopes")),
        )
        for name, body in _mapping(identity.get("providers")).items()
        if isinstance(body, dict) and not within((*at, name), read.unusable)
    )


def _service(read: _Reader, name: str, body: dict[str, Any]) -> DraftService:
    at = ("services", name)
    rules = body.get("rules")
    return DraftService(
        name=name,
        app=read.item((*at, "app"), parse_app),
        paths=read.items((*at, "paths")),
        calls=read.items((*at, "calls")),
        rules=tuple(
            _rule(read, (*at, "rules", i), rule)
            for i, rule in enumerate(rules if isinstance(rules, list) else ())
            if isinstance(rule, dict)
        ),
    )


def _rule(read: _Reader, at: KeyPath, body: dict[str, Any]) -> DraftRule:
    return DraftRule(
        at=at,
        path=read.item((*at, "path"), str),
        methods=read.items((*at, "methods")),
        roles=read.items((*at, "roles")),
        scopes=read.items((*at, "scopes")),
        callers=read.items((*at, "callers")),
        given=frozenset(body),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
