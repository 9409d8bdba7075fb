"""Which view answers which path of the provider."""

from django.urls import path

from pillion import vocabulary
from pillion.identity.oauth import authorize, device_page, endpoints, logout, metadata, userinfo

CONSENT_PATH = "/oauth2/consent"
SIGN_OUT_PATH = "/oauth2/sign-out"

urlpatterns = [
    path(where[1:], view)
    for where, view in (
        (vocabulary.AUTHORIZE_PATH, authorize.view),
        (CONSENT_PATH, authorize.consent),
        (vocabulary.TOKEN_PATH, endpoints.token),
        (vocabulary.DEVICE_AUTHORIZATION_PATH, endpoints.device_authorization),
        (vocabulary.DEVICE_PATH, device_page.view),
        (vocabulary.INTROSPECT_PATH, endpoints.introspect),
        (vocabulary.REVOKE_PATH, endpoints.revoke),
        (vocabulary.USERINFO_PATH, userinfo.view),
        (vocabulary.LOGOUT_PATH, logout.view),
        (SIGN_OUT_PATH, logout.confirmed),
        ("/.well-known/openid-configuration", metadata.view),
        ("/.well-known/oauth-authorization-server", metadata.view),
    )
]
