"""Every answer that an Envoy gives by itself: its status, its challenge (RFC 6750) and its problem (RFC 9457).

A refusal is recognised by Envoy's response code details, and gets a code, which the caller finds in the
problem and in a response header, and the operator in the access logs. The first that matches is used.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    ExtensionFilter,
    HeaderFilter,
    StatusCodeFilter,
)
from envoy_data_plane.envoy.config.core.v3 import (
    RuntimeUInt32,
    SubstitutionFormatString,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.access_loggers.filters.cel.v3 import ExpressionFilter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)

from pillion import vocabulary
from pillion.envoy.filters.challenge import ASKED_SCOPES, SCOPE_DETAILS, STEP_UP_DETAILS
from pillion.envoy.headers import append, overwrite
from pillion.envoy.matchers import header_present
from pillion.envoy.names import REFUSED_HEADER
from pillion.envoy.packed import pack
from pillion.envoy.shared import shared
from pillion.envoy.structs import struct

_CHALLENGE: Final = 'Bearer realm="{realm}"'
INVALID_TOKEN: Final = _CHALLENGE + ', error="invalid_token", error_description="{detail}"'
_INSUFFICIENT: Final = _CHALLENGE + ', error="insufficient_scope", error_description="{detail}"'


# Nearly all are the same at every Envoy: compared as the objects that they are, each is worded once.
@dataclass(frozen=True, eq=False)
class Refusal:
    """One answer: when it is given and what it says.

    `when` is a CEL expression over Envoy's attributes, empty for any details; `status` is the status answered,
    `only_for` the one that Envoy had chosen, if that matters; `cookies` are set by the answer.
    """

    code: str
    title: str
    detail: str
    status: int
    when: str = ""
    only_for: int | None = None
    headers_match: tuple[HeaderMatcher, ...] = ()
    challenge: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def _details(start: str) -> str:
    return f"response.code_details.startsWith('{start}')"


# What Envoy notes when the policy `token-revoked` (filters/token_claims.py) matched.
REVOKED_DETAILS: Final = "rbac_access_denied_matched_policy[token-revoked]"

TOKEN_EXPIRED: Final = Refusal(
    code="token-expired",
    when=_details("jwt_authn_access_denied{Jwt_is_expired"),
    status=401,
    title="Unauthorized",
    detail="The token has expired.",
    challenge=INVALID_TOKEN,
)
TOKEN_REVOKED: Final = Refusal(
    code="token-revoked",
    when=f"response.code_details == '{REVOKED_DETAILS}'",
    status=401,
    title="Unauthorized",
    detail="The token has been revoked.",
    challenge=INVALID_TOKEN,
)
TOKEN_INVALID: Final = Refusal(
    code="token-invalid",
    when=f"{_details('jwt_authn_access_denied')} || {_details('rbac_access_denied_matched_policy[token-')}",
    status=401,
    title="Unauthorized",
    detail="The token is not valid here.",
    challenge=INVALID_TOKEN,
)
# RFC 6750, section 3.1: the token is good, and was granted less. Its holder's client may ask for more.
SCOPE_MISSING: Final = Refusal(
    code="scope-missing",
    when=f"response.code_details == '{SCOPE_DETAILS}'",
    status=403,
    title="Forbidden",
    detail="The token was not granted a scope that this asks for.",
    challenge=f'{_INSUFFICIENT}, scope="{ASKED_SCOPES}"',
)
# RFC 9470, section 3: the token is good, and says nothing of a second factor.
STEP_UP_REQUIRED: Final = Refusal(
    code="step-up-required",
    when=f"response.code_details == '{STEP_UP_DETAILS}'",
    status=401,
    title="Unauthorized",
    detail="This asks for a second factor: sign in with one.",
    challenge=f'{_CHALLENGE}, error="insufficient_user_authentication", error_description="{{detail}}", '
    'acr_values="mfa"',
)
# After those above: a token that got as far as the rules is good, so the rules ask for something else.
FORBIDDEN: Final = Refusal(
    code="rule-refused",
    when=_details("rbac_access_denied"),
    headers_match=(header_present(vocabulary.USER_HEADER),),
    status=403,
    title="Forbidden",
    detail="You are signed in, but a rule refuses this.",
    challenge=_INSUFFICIENT,
)
TOKEN_MISSING: Final = Refusal(
    code="token-missing",
    when=_details("rbac_access_denied"),
    status=401,
    title="Unauthorized",
    detail="Sign in, or send a token as 'Authorization: Bearer'.",
    challenge=_CHALLENGE,
)

SERVICE_UNAVAILABLE: Final = Refusal(
    code="service-unavailable",
    only_for=503,
    status=503,
    title="Service Unavailable",
    detail="The service cannot be reached.",
    headers={"retry-after": "1"},
)

# What is left has nothing to do with who is calling.
BY_STATUS: Final = (
    Refusal(
        "request-malformed",
        "Bad Request",
        "The request's path or headers are not well-formed.",
        400,
        only_for=400,
    ),
    Refusal("path-unknown", "Not Found", "Nothing is served at this path.", 404, only_for=404),
    Refusal("request-timed-out", "Request Timeout", "The request did not arrive in time.", 408, only_for=408),
    Refusal("body-too-large", "Content Too Large", "The request's body is too large.", 413, only_for=413),
    Refusal(
        "upgrade-refused",
        "Forbidden",
        "This upgrade is not served: WebSocket is the only one that is.",
        403,
        when="response.code_details == 'upgrade_failed'",
    ),
    # A request for https:// that came in clear.
    Refusal(
        "request-malformed",
        "Bad Request",
        "The request names another scheme than it came by.",
        400,
        when="response.code_details == 'http1.https_url_on_plaintext_connection'",
    ),
    Refusal(
        "http-version-refused", "Upgrade Required", "HTTP/1.1 or HTTP/2 is spoken here.", 426, only_for=426
    ),
    Refusal(
        "transfer-coding-refused",
        "Not Implemented",
        "The body's transfer coding is not known here: send it as it is, or chunked.",
        501,
        only_for=501,
    ),
    Refusal(
        "headers-too-large",
        "Request Header Fields Too Large",
        "The request's headers are too large.",
        431,
        only_for=431,
    ),
    SERVICE_UNAVAILABLE,
    Refusal("service-timed-out", "Gateway Timeout", "The service did not answer in time.", 504, only_for=504),
    Refusal("service-failed", "Bad Gateway", "The service's answer was not well-formed.", 502, only_for=502),
)


_INTERNAL: Final = Refusal("internal", "Error", "The request could not be served.", 0)


def local_replies(refusals: Iterable[Refusal], realm: str) -> LocalReplyConfig:
    """Tell Envoy how to word its own answers; `realm` names the protected space (RFC 7235, section 2.2)."""
    return LocalReplyConfig(
        mappers=[_mapper(refusal, realm) for refusal in refusals],
        body_format=_problem(_INTERNAL),
    )


@shared
def _mapper(refusal: Refusal, realm: str) -> ResponseMapper:
    headers = {REFUSED_HEADER: refusal.code, **refusal.headers}
    if refusal.challenge:
        headers["www-authenticate"] = refusal.challenge.format(realm=realm, detail=refusal.detail)
    return ResponseMapper(
        filter=_all(_conditions(refusal)),
        status_code=refusal.status,
        headers_to_add=[
            *(overwrite(name, value) for name, value in headers.items()),
            *(append("set-cookie", cookie) for cookie in refusal.cookies),
        ],
        body_format_override=_problem(refusal),
    )


@shared
def _problem(refusal: Refusal) -> SubstitutionFormatString:
    body = {
        "type": f"urn:pillion:problem:{refusal.code}",
        "title": refusal.title,
        "status": "%RESPONSE_CODE%",
        "detail": refusal.detail,
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return SubstitutionFormatString(json_format=struct(body), content_type="application/problem+json")


def _conditions(refusal: Refusal) -> Iterable[AccessLogFilter]:
    if refusal.only_for is not None:
        yield _status(refusal.only_for)
    if refusal.when:
        yield AccessLogFilter(
            extension_filter=ExtensionFilter(
                name="cel", typed_config=pack(ExpressionFilter(expression=refusal.when))
            )
        )
    for header in refusal.headers_match:
        yield AccessLogFilter(header_filter=HeaderFilter(header=header))


@shared
def _status(status: int) -> AccessLogFilter:
    # The runtime key is obligatory; nobody sets it.
    value = RuntimeUInt32(default_value=status, runtime_key="pillion.unused")
    return AccessLogFilter(
        status_code_filter=StatusCodeFilter(
            comparison=ComparisonFilter(op=ComparisonFilterOp.EQ, value=value)
        )
    )


def _all(conditions: Iterable[AccessLogFilter]) -> AccessLogFilter:
    filters = list(conditions)
    return filters[0] if len(filters) == 1 else AccessLogFilter(and_filter=AndFilter(filters=filters))
