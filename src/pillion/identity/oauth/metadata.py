"""`/.well-known/`: what a client has to know of us, and nothing that is not true."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pillion import vocabulary
from pillion.identity import keys
from pillion.identity.oauth import client_authentication, id_token, scopes
from pillion.identity.oauth.server import GRANTS
from pillion.identity.views.discovery import cacheable
from pillion.identity.views.only import only


@only("GET")
def view(request: HttpRequest) -> HttpResponse:
    """Give the metadata of OpenID Connect Discovery 1.0, section 3, which is that of RFC 8414, section 2, too."""
    return cacheable(request, document(), "application/json")


def document() -> dict[str, Any]:
    """Say what there is."""
    origin = settings.PILLION.origin
    with_secret, all_methods = list(client_authentication.METHODS), list(client_authentication.ALL_METHODS)
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}{vocabulary.AUTHORIZE_PATH}",
        "token_endpoint": f"{origin}{vocabulary.TOKEN_PATH}",
        "userinfo_endpoint": f"{origin}{vocabulary.USERINFO_PATH}",
        "jwks_uri": f"{origin}/.well-known/jwks.json",
        "introspection_endpoint": f"{origin}{vocabulary.INTROSPECT_PATH}",
        "revocation_endpoint": f"{origin}{vocabulary.REVOKE_PATH}",
        "device_authorization_endpoint": f"{origin}{vocabulary.DEVICE_AUTHORIZATION_PATH}",
        "end_session_endpoint": f"{origin}{vocabulary.LOGOUT_PATH}",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "scopes_supported": list(scopes.KNOWN),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key["alg"] for key in keys.jwks()["keys"]}),
        "token_endpoint_auth_methods_supported": all_methods,
        "revocation_endpoint_auth_methods_supported": all_methods,
        "introspection_endpoint_auth_methods_supported": with_secret,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": [id_token.MFA],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "sid",
            "at_hash",
            "email",
            "email_verified",
            "roles",
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
