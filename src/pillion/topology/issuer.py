"""Other issuers whose tokens are good in the mesh, as the topology describes them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pillion.topology.asked import LentClaim
from pillion.topology.section import Section, text_schema
from pillion.topology.trust import (
    CLAIM,
    parse_audience,
    parse_claim,
    parse_issuer,
    parse_issuer_name,
    parse_keys_url,
)
from pillion.topology.words import NAME

IssuerName = Annotated[str, AfterValidator(parse_issuer_name), text_schema(pattern=f"^{NAME.pattern}$")]
IssuerUrl = Annotated[str, AfterValidator(parse_issuer), text_schema(pattern=r"^https?://[^#?]+$")]
KeysUrl = Annotated[str, AfterValidator(parse_keys_url), text_schema(pattern=r"^https?://[^#]+$")]
Audience = Annotated[str, AfterValidator(parse_audience), text_schema(pattern="^[!-~]+$")]
Claim = Annotated[str, AfterValidator(parse_claim), text_schema(pattern=f"^({CLAIM.pattern})$")]


class Claims(Section):
    """Where another issuer's token says what services are to be told; a claim inside another as `outer.inner`."""

    user: Claim = "sub"
    """The claim that names the user, a text; `sub` when left out."""

    email: Claim | None = None
    """The claim with the email address. Left out, services are told none: it may be unproven there."""

    roles: Claim | None = None
    """The claim with the list of roles. Left out, such a caller has none."""

    scope: Claim | None = None
    """The claim with the scopes, a list or words with blanks between. Left out, such a caller has none."""

    extra: dict[LentClaim, Claim] | None = Field(
        None, min_length=1, json_schema_extra={"additionalProperties": False}
    )
    """Further claims that rules may ask for: the name that they use, and where this issuer's tokens say it."""


class Issuer(Section):
    """Another issuer whose tokens are good in this mesh: Keycloak, Auth0, Entra, Google or the like."""

    issuer: IssuerUrl
    """What its tokens say in `iss`, to the letter."""

    jwks: KeysUrl
    """Where it publishes its public keys (RFC 7517); https, or http on this machine."""

    audience: Audience
    """What its tokens must say in `aud`, to the letter: the name by which it knows this mesh."""

    claims: Claims = Claims()
    """Where its tokens say what services are to be told."""
