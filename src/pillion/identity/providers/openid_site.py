"""What a provider of OpenID Connect says of itself, and its keys: fetched when needed, and kept for a while."""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pillion.identity.providers import fetch
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import ANY_TENANT, Provider

Key = RSAKey | ECKey | OKPKey

# Seconds. Endpoints and keys change rarely; a key that is not known yet is looked for at once, but not all the
# time.
_FRESH: Final = 3600.0
_KEYS_FRESH: Final = 600.0
_ASK_AGAIN: Final = 10.0

_KINDS: Final[dict[str, type[Key]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_SHORTEST_RSA: Final = 2048
_MOST_KEYS: Final = 100

Url = Annotated[str, Field(max_length=2000)]


class Metadata(BaseModel):
    """What is needed of OpenID Connect Discovery 1.0, section 3, and of RFC 9207, section 3."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, strict=True)

    issuer: str
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    userinfo_endpoint: Url | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


@dataclass
class _Kept:
    """What was fetched, and when, by the monotonic clock."""

    metadata: Metadata
    at: float
    keys: dict[str | None, list[Key]] | None = None
    keys_at: float = 0.0


_sites: Final[dict[str, _Kept]] = {}
_lock: Final = Lock()


def metadata(provider: Provider) -> Metadata:
    """Say where a provider answers what; raises ProviderError."""
    return _site(provider).metadata


def keys(provider: Provider, kid: str | None) -> list[Key]:
    """Give the provider's public keys of that id; of none in particular, all. Raises ProviderError."""
    site = _site(provider)
    age = time.monotonic() - site.keys_at
    if site.keys is None or age > _KEYS_FRESH or (kid not in site.keys and age > _ASK_AGAIN):
        site.keys = _read_keys(fetch.document("GET", site.metadata.jwks_uri))
        site.keys_at = time.monotonic()
    if kid is None:
        return [key for some in site.keys.values() for key in some]
    return site.keys.get(kid, [])


def forget() -> None:
    """Forget what was fetched, so that it is fetched again."""
    with _lock:
        _sites.clear()


def _site(provider: Provider) -> _Kept:
    where = provider.configuration
    with _lock:
        kept = _sites.get(where)
    if kept is not None and time.monotonic() - kept.at < _FRESH:
        return kept
    fetch.usable(where, like=provider.issuer)
    fetched = _Kept(_read(fetch.document("GET", where), provider), time.monotonic())
    with _lock:
        _sites[where] = fetched
    return fetched


def _read(document: Any, provider: Provider) -> Metadata:
    try:
        read = Metadata.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ProviderError(
            f"its configuration: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    if read.issuer != provider.issuer:  # section 4.3; for any tenant Microsoft writes the same braces
        raise ProviderError("its configuration is another issuer's")
    for url in (read.authorization_endpoint, read.token_endpoint, read.jwks_uri, read.userinfo_endpoint):
        if url is not None:
            fetch.usable(url.replace(ANY_TENANT, "tenant"), like=provider.issuer)
    return read


def _read_keys(document: Any) -> dict[str | None, list[Key]]:
    """Take the public keys for signatures; others, symmetric ones above all, are none (RFC 8725, section 3.1)."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ProviderError("its keys are no key set")
    found: dict[str | None, list[Key]] = {}
    for jwk in listed[:_MOST_KEYS]:
        key = _read_key(jwk)
        if key is not None:
            kid = jwk.get("kid")
            found.setdefault(kid if isinstance(kid, str) else None, []).append(key)
    return found


def _read_key(jwk: Any) -> Key | None:
    kind = _KINDS.get(str(jwk.get("kty"))) if isinstance(jwk, dict) else None
    if kind is None or jwk.get("use", "sig") != "sig":
        return None
    try:
        key = kind.import_key({name: value for name, value in jwk.items() if name not in {"d", "x5c"}})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA:
        return None
    return key
