"""`/.well-known/`: what others must know to check our tokens, and nothing that is not true."""

import hashlib
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from pillion.identity import keys
from pillion.identity.views.only import only

# Seconds. Who meets a key that they do not know asks again; a key that is gone is not to be believed for long.
_FRESH = 60


@only("GET")
def jwks(request: HttpRequest) -> HttpResponse:
    """Give the public keys (RFC 7517)."""
    return _cacheable(request, keys.jwks(), "application/jwk-set+json")


@only("GET")
def configuration(request: HttpRequest) -> HttpResponse:
    """Give the metadata of OpenID Connect Discovery 1.0, section 3.

    Pillion is no OpenID provider for others yet: `authorization_endpoint`, which the standard requires, is
    left out rather than invented, and no response or grant type is supported.
    """
    origin = settings.PILLION.origin
    document = {
        "issuer": origin,
        "jwks_uri": f"{origin}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key["alg"] for key in keys.jwks()["keys"]}),
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "jti",
            "sid",
            "client_id",
            "email",
            "roles",
            "scope",
            "auth_time",
            "amr",
        ],
    }
    return _cacheable(request, document, "application/json")


def _cacheable(request: HttpRequest, document: dict[str, Any], kind: str) -> HttpResponse:
    content = json.dumps(document).encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    response = HttpResponse(content, content_type=kind)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={_FRESH}"
    # Anybody may read these, from any page: they are public keys.
    response["Access-Control-Allow-Origin"] = "*"
    answer = get_conditional_response(request, etag=etag, response=response)
    return answer if isinstance(answer, HttpResponse) else response
