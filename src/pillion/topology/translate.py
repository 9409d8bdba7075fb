"""Runs the model over the data and says what pydantic found in our own words."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pillion.topology.finding import CODES, Code, Finding, KeyPath, within
from pillion.topology.issuer import Claims, Issuer
from pillion.topology.model import (
    ClientTls,
    Edge,
    Identity,
    Mail,
    Provider,
    ProviderRoles,
    Rule,
    Service,
    Tls,
    Tokens,
    Topology,
    Users,
)
from pillion.topology.source import Source
from pillion.topology.wording import did_you_mean, nearest, one_of

_MERGE: Final = "<<"  # of YAML 1.1

_NEEDED: Final = {
    "string_type": "text",
    "bool_type": "true or false",
    "model_type": "a mapping (KEY: VALUE)",
    "dict_type": "a mapping (NAME: …)",
    "tuple_type": "a list ([…], or lines that start with '-')",
}
_MODELS: Final[dict[KeyPath, type[BaseModel]]] = {
    (): Topology,
    ("edge",): Edge,
    ("edge", "tls"): Tls,
    ("identity",): Identity,
    ("identity", "mail"): Mail,
    ("identity", "users"): Users,
    ("identity", "users", "tls"): ClientTls,
    ("tokens",): Tokens,
}
_EXAMPLES: Final = {
    "mesh": "mesh: shop",
    "services": "services: {orders: {app: 127.0.0.1:7001}}",
    "app": "app: 127.0.0.1:7001",
    "path": "path: /api/orders",
    "certificate": "certificate: tls.crt",
    "key": "key: tls.key",
    "issuer": "issuer: https://sso.example/realms/shop",
    "jwks": "jwks: https://sso.example/realms/shop/protocol/openid-connect/certs",
    "audience": "audience: shop",
    "from": "from: Shop <noreply@shop.example>",
    "smtp": "smtp: smtp://user:password@smtp.example:587",
    "url": "url: https://users.example/check",
    "client_id": "client_id: as the provider calls this mesh",
    "client_secret": "client_secret: ${CLIENT_SECRET}",
    "claim": "claim: groups",
    "map": "map: {shop-managers: manager}",
    "claims": "claims: {department: sales}",
    "extra": "extra: {department: department}",
}


def validate(source: Source, unusable: AbstractSet[KeyPath]) -> tuple[Topology | None, list[Finding]]:
    """Read the topology out of the source's data; None with the reasons when it does not fit.

    Nothing is said about the paths in `unusable`, or below them: what is wrong there is known already.
    """
    try:
        return Topology.model_validate(source.data), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    news = (error for error in errors if not within(_path(error), unusable))
    findings = [finding for error in news for finding in _translate(source, error)]
    # A misspelt key is one mistake, not an unknown key and a missing one.
    unknown = [f.path for f in findings if f.code == "unknown-key"]
    meant = {(*path[:-1], key) for path in unknown for key in _meant(path)}
    return None, [f for f in findings if not (f.code == "missing-key" and f.path in meant)]


def _path(error: Mapping[str, Any]) -> KeyPath:
    loc: KeyPath = error["loc"]
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _translate(source: Source, error: Mapping[str, Any]) -> Iterator[Finding]:
    path, kind, context = _path(error), error["type"], error.get("ctx", {})
    if kind in CODES:
        code: Code = kind
        yield Finding(path, code, context["template"], context["hint"], on_key=path != error["loc"])
    elif kind == "extra_forbidden":
        known = one_of(tuple(fields_at(path[:-1])))
        yield Finding(
            path, "unknown-key", "no such key", _near(path) or f"here may stand {known}", on_key=True
        )
    elif kind == "missing":
        hint = f"add '{_EXAMPLES[str(path[-1])]}'"
        yield Finding(path, "missing-key", "this key is missing", hint, on_key=True)
    elif kind == "literal_error":
        yield Finding(
            path, "unknown-value", f"{{written}} is not among what may stand here: {context['expected']}"
        )
    elif kind == "too_short" and path != ("services",):
        yield Finding(path, "empty-value", "nothing stands here", f"write '{_EXAMPLES[str(path[-1])]}'")
    elif kind == "too_short":
        yield Finding(path, "no-services", "there is no service", f"add one: '{_EXAMPLES['services']}'")
    elif kind in _NEEDED:
        yield _wrong_type(path, kind, source.value(path))
    elif kind != "default_factory_not_called":  # which follows from a mistake that has its own line
        yield Finding(path, "wrong-type", "this does not fit here")


def _wrong_type(path: KeyPath, kind: str, value: Any) -> Finding:
    if isinstance(value, bool | int | float):
        found = "a truth value" if isinstance(value, bool) else "a number"
        hint = "put it in quotation marks" if kind == "string_type" else ""
    else:
        found = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"
        hint = "put it in brackets" if kind == "tuple_type" and isinstance(value, str) else ""
    return Finding(path, "wrong-type", f"{_NEEDED[kind]} is needed here, not {found}", hint)


def fields_at(path: KeyPath) -> dict[str, Any]:
    """Find the keys that the mapping at `path` may hold; none where names are the user's own."""
    model: type[BaseModel]
    match path:
        case ("services", str()):
            model = Service
        case ("services", str(), "rules", int()):
            model = Rule
        case ("trust", str()):
            model = Issuer
        case ("trust", str(), "claims"):
            model = Claims
        case ("identity", "providers", str()):
            model = Provider
        case ("identity", "providers", str(), "roles"):
            model = ProviderRoles
        case _ if path in _MODELS:
            model = _MODELS[path]
        case _:
            return {}
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _near(path: KeyPath) -> str:
    if path[-1] == _MERGE:
        return "YAML 1.2 has no merge key: write the keys out"
    return did_you_mean(str(path[-1]), fields_at(path[:-1]))


def _meant(path: KeyPath) -> Sequence[str]:
    """Say which keys the unknown one at `path` may stand for."""
    known = fields_at(path[:-1])
    return tuple(known) if path[-1] == _MERGE else nearest(str(path[-1]), known)
