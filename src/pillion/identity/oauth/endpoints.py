"""The endpoints that programs call: `/oauth2/token`, `/device_authorization`, `/introspect`, `/revoke`."""

from django.http import HttpRequest, HttpResponse

from pillion.identity.oauth.device_grant import DeviceAuthorization
from pillion.identity.oauth.introspection import Introspection
from pillion.identity.oauth.revocation import Revocation
from pillion.identity.oauth.server import TOKEN, answer_program
from pillion.identity.views.only import only


@only("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Give tokens (RFC 6749, section 3.2)."""
    return answer_program(request, TOKEN)


@only("POST")
def device_authorization(request: HttpRequest) -> HttpResponse:
    """Give a device its codes (RFC 8628, section 3.1)."""
    return answer_program(request, DeviceAuthorization.ENDPOINT_NAME)


@only("POST")
def introspect(request: HttpRequest) -> HttpResponse:
    """Say what a token says (RFC 7662)."""
    return answer_program(request, Introspection.ENDPOINT_NAME)


@only("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """End what a token is of (RFC 7009)."""
    return answer_program(request, Revocation.ENDPOINT_NAME)
