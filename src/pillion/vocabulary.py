"""The names that several parts share: headers, cookies, claims, paths.

Nothing here decides anything. A name stands here when the Envoy configuration and identity (which know
nothing of each other) must agree on it, or when a user's program relies on it.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# Headers that a sidecar sets for its service (docs/interface.md, "At a service").
HEADER_PREFIX: Final = "x-pillion-"
USER_HEADER: Final = "x-pillion-user"
EMAIL_HEADER: Final = "x-pillion-email"
ROLES_HEADER: Final = "x-pillion-roles"
CLAIMS_HEADER: Final = "x-pillion-claims"
# The session's and the token's ids, by which the audit log names them.
SID_HEADER: Final = "x-pillion-sid"
JTI_HEADER: Final = "x-pillion-jti"

# Beside pillion.yaml: everything that a running mesh keeps.
STATE_FOLDER: Final = ".pillion"

# RFC 9068, section 2.1: the media type that tells an access token from every other JWT.
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the name of a type, not a secret
# RFC 7518, section 3.1 and RFC 8037: what tokens may be signed with; the first one is the default.
SIGNING_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")

# How far two clocks may differ, in seconds, wherever a token's times are compared.
LEEWAY_SECONDS: Final = 5

# What our own tokens say (docs/interface.md, "The token"); no other issuer's says anything under these names.
TOKEN_CLAIMS: Final = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "client_id"),
        *("email", "roles", "scope", "auth_time", "amr", "acr", "act"),
    }
)

# No token lives longer than this, whatever the topology or a command asks for.
MAX_TOKEN_LIFETIME: Final = timedelta(hours=1)

# A role is sent comma-separated in ROLES_HEADER and compared in Envoy: only these characters keep that safe.
ROLE: Final = re.compile(r"[a-z0-9](?:[a-z0-9._:-]{0,62}[a-z0-9])?")

# Roles that mean something to Pillion itself: who may use the admin, and who may look at it. They are given by an
# operator, and by no users service or import.
OWN_ROLES: Final = "pillion-"
OPERATOR_ROLE: Final = f"{OWN_ROLES}operator"
AUDITOR_ROLE: Final = f"{OWN_ROLES}auditor"

# What identity answers at the edge. A service cannot claim a path at or below one of these.
IDENTITY_PATHS: Final = (
    "/sign-in",
    "/sign-up",
    "/sign-out",
    "/me",
    "/account",
    "/oauth2",
    "/.well-known",
    "/pillion",
)

# No body that identity takes is longer: an email address and a password.
IDENTITY_BODY_BYTES: Final = 64 * 1024

# The one of them that speaks of the caller's token, and so needs one.
ME_PATH: Final = "/me"

# Where a browser is sent to sign in; `next` says where to go on after that.
SIGN_IN_PATH: Final = "/sign-in"

# On one machine alone: the page that shows the mail which stays there.
MAILBOX_PATH: Final = "/pillion/mail"

# Where a person shows a second factor that a rule asks for; `next` as above.
STEP_UP_PATH: Final = "/account/step-up"

# Where other programs come, to sign people in through us or to get a token.
AUTHORIZE_PATH: Final = "/oauth2/authorize"
TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path
DEVICE_AUTHORIZATION_PATH: Final = "/oauth2/device_authorization"
DEVICE_PATH: Final = "/oauth2/device"
INTROSPECT_PATH: Final = "/oauth2/introspect"
REVOKE_PATH: Final = "/oauth2/revoke"
USERINFO_PATH: Final = "/oauth2/userinfo"
LOGOUT_PATH: Final = "/oauth2/logout"

# Those of them where a client authenticates, which it may do by `Authorization: Basic`.
CLIENT_PATHS: Final = (TOKEN_PATH, DEVICE_AUTHORIZATION_PATH, INTROSPECT_PATH, REVOKE_PATH)
# Those to which another site may make a browser post: nothing comes of it but the same as a GET.
CROSS_SITE_PATHS: Final = (AUTHORIZE_PATH, LOGOUT_PATH)

# Where the edge asks identity to turn a session into a token. Never routed from outside.
RENEWAL_PATH: Final = "/-/renewal"
# The session cookie's value on that way, or an API key. Like every x-pillion-… header, nobody outside can send it.
SESSION_HEADER: Final = "x-pillion-session"
API_KEY_HEADER: Final = "x-pillion-api-key"
# What an API key begins with, so that it is told from a token, and found where somebody has published it.
API_KEY_PREFIX: Final = "plk_"


# In a cluster, at identity and control: which workload it is that calls, by its certificate (a SPIFFE ID). The
# Envoy beside them overwrites it.
WORKLOAD_HEADER: Final = "x-pillion-workload"

# The ports of an Envoy in a pod. From other pods: mTLS, and in clear what probes ask. From its own pod alone: the
# service's calls, and the order to let connections go.
INBOUND_PORT: Final = 15001
EGRESS_PORT: Final = 15002
DRAIN_PORT: Final = 15020
PROBES_PORT: Final = 15021

# What begins the ids of workloads, in tokens and certificates.
SPIFFE: Final = "spiffe"


def spiffe_id(mesh: str, service: str) -> str:
    """Name a service (SPIFFE-ID, section 2): the mesh is the trust domain. No user's id is like it."""
    return f"{SPIFFE}://{mesh}/service/{service}"


def edge_spiffe_id(mesh: str) -> str:
    """Name the edge; no service's name is like it."""
    return own_spiffe_id(mesh, "edge")


def own_spiffe_id(mesh: str, workload: str) -> str:
    """Name one of Pillion's own workloads: the edge, identity, control."""
    return f"{SPIFFE}://{mesh}/{workload}"


@dataclass(frozen=True)
class Cookies:
    """The names of the two cookies that a signed-in browser holds; `secure` where it speaks TLS to the edge."""

    session: str
    token: str
    secure: bool

    def set(self, name: str, value: str, max_age: int) -> str:
        """Write what sets the cookie `name` for `max_age` seconds (RFC 6265, section 4.1.1)."""
        secure = "; Secure" if self.secure else ""
        return f"{name}={value}; HttpOnly; Max-Age={max_age}; Path=/; SameSite=Lax{secure}"

    def deletions(self) -> tuple[str, str]:
        """Write what makes a browser forget both."""
        return self.set(self.session, '""', 0), self.set(self.token, '""', 0)


def cookies(*, secure: bool) -> Cookies:
    """Name the cookies for an https origin (`secure`) or a plain http one.

    The `__Host-` prefix makes a browser refuse the cookie from a subdomain, another path or plain http
    (RFC 6265bis, section 4.1.3.2); it needs https.
    """
    prefix = "__Host-" if secure else ""
    return Cookies(session=f"{prefix}pillion-session", token=f"{prefix}pillion-token", secure=secure)
