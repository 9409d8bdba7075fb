"""`/.well-known/jwks.json`: what others must know to check our tokens."""

import hashlib
import json
from typing import Any

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
    return cacheable(request, keys.jwks(), "application/jwk-set+json")


def cacheable(request: HttpRequest, document: dict[str, Any], kind: str) -> HttpResponse:
    """Answer with a document that anybody may read and keep for a minute."""
    content = json.dumps(document).encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    response = HttpResponse(content, content_type=kind)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={_FRESH}"
    # From any page: these are public.
    response["Access-Control-Allow-Origin"] = "*"
    answer = get_conditional_response(request, etag=etag, response=response)
    return answer if isinstance(answer, HttpResponse) else response
