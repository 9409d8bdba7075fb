"""From facts to what an Envoy is sent: two filters, in Envoy's words, encoded once for all streams."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse
from envoy_data_plane.envoy.service.discovery.v3 import Resource as Discovered
from envoy_data_plane.google.protobuf import Any

from pillion.control.config import Kind
from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.envoy.filters.token_claims import revoked_of, token_claims
from pillion.envoy.filters.verification import (
    PROVIDER,
    edge_verification,
    keys_of,
    sidecar_verification,
)
from pillion.envoy.known import with_no_key
from pillion.envoy.names import REVOCATIONS, VERIFICATION
from pillion.plan.model import Verification

TYPE_URL: Final = Any.pack(TypedExtensionConfig()).type_url


@dataclass(frozen=True)
class Resource:
    """One streamed filter: `answer` is the whole encoded response that carries it.

    `keys` and `revocation` are what an Envoy that acknowledges this version holds; None for what it says
    nothing of.
    """

    name: str
    version: str
    answer: bytes
    keys: tuple[str, ...] | None = None
    revocation: int | None = None


Resources = Mapping[str, Resource]


def resources(
    verification: Verification, facts: Facts, trusted: Mapping[str, IssuerKeys]
) -> dict[Kind, Resources]:
    """Say `facts` and the keys of other issuers for each kind of Envoy, by the resources' names.

    Without a key of our own there is nothing to say. (An Envoy refuses a set without keys, and keeps what it has.)
    """
    keys = {PROVIDER: keys_of(facts.jwks)} | {
        name: keys_of(with_no_key(of.keys)) for name, of in trusted.items()
    }
    kids = tuple(str(key["kid"]) for key in facts.keys)
    claims = token_claims(verification, revoked_of(facts.revoked))
    refusing = _resource(REVOCATIONS, claims, f"{facts.revocation}-", revocation=facts.revocation)
    if not facts.keys:
        return {"edge": {REVOCATIONS: refusing}, "sidecar": {REVOCATIONS: refusing}}
    edge = _resource(VERIFICATION, edge_verification(verification, keys), keys=kids)
    sidecar = _resource(VERIFICATION, sidecar_verification(verification, keys), keys=kids)
    return {
        "edge": {VERIFICATION: edge, REVOCATIONS: refusing},
        "sidecar": {VERIFICATION: sidecar, REVOCATIONS: refusing},
    }


def _resource(
    name: str,
    config: betterproto2.Message,
    lead: str = "",
    keys: tuple[str, ...] | None = None,
    revocation: int | None = None,
) -> Resource:
    """Name the version after the content: a control that starts anew sends nobody what they have."""
    packed = Any.pack(TypedExtensionConfig(name=name, typed_config=Any.pack(config)))
    version = lead + hashlib.sha256(packed.value).hexdigest()[:16]
    answer = DeltaDiscoveryResponse(
        type_url=TYPE_URL,
        resources=[Discovered(name=name, version=version, resource=packed)],
        nonce=nonce(name, version),
    )
    return Resource(name, version, bytes(answer), keys, revocation)


def nonce(name: str, version: str) -> str:
    """Name an answer so that its acknowledgement says what was acknowledged."""
    return f"{name} {version}"
