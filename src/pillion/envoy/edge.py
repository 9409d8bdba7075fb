"""The edge's listener: the only public door."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HeaderValueOption
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteMatch, VirtualHost

from pillion import vocabulary
from pillion.envoy import names, refusals
from pillion.envoy.audit_log import audit_log
from pillion.envoy.chain import edge_chain
from pillion.envoy.connection import connection_manager, listener
from pillion.envoy.filters.access import open_to_anyone
from pillion.envoy.filters.browser import keep_own_cookies
from pillion.envoy.filters.cors import cors_policy
from pillion.envoy.filters.own_cookies import may_set_cookies
from pillion.envoy.filters.renewal import UNANSWERED_HEADER, no_renewal
from pillion.envoy.filters.same_origin import from_any_site
from pillion.envoy.filters.token_shape import any_authorization
from pillion.envoy.filters.whole_body import wait_for_body
from pillion.envoy.headers import overwrite
from pillion.envoy.matchers import header_is, header_present
from pillion.envoy.routes import RETRIES, answer, below, doubtful_host, doubtful_path, to_cluster
from pillion.envoy.tls import tls
from pillion.envoy.tracing import trace_context
from pillion.plan.model import Edge, EdgeRoute, Plan
from pillion.vocabulary import Cookies

EDGE: Final = "edge"

# Identity streams nothing. Longer than it may wait for its database (5 s), so that it can still say so itself.
IDENTITY_TIMEOUT: Final = timedelta(seconds=8)

# What the outermost proxy says of the way that a request came: that is the edge, and it says so by
# X-Forwarded-For and -Proto. From outside, these are hearsay that a service may believe (CWE-644).
HEARSAY: Final = (
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-real-ip",
)

# Identity counts tries by the caller's address: it is told of that one alone, and of nothing that the caller says.
THE_CALLER: Final = overwrite("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")

CROSS_SITE: Final = refusals.Refusal(
    code="cross-site",
    when="response.code_details == 'rbac_access_denied_matched_policy[cross-site]'",
    status=403,
    title="Forbidden",
    detail=(
        "A request that changes something and relies on the cookie must come from this origin: send an 'Origin' "
        "header that names it, or a token as 'Authorization: Bearer'."
    ),
)
API_KEY_INVALID: Final = refusals.Refusal(
    code="api-key-invalid",
    when="response.code_details == 'ext_authz_denied'",
    status=401,
    title="Unauthorized",
    detail="The API key is not valid here: it is unknown, has expired, or was revoked.",
    challenge=refusals.INVALID_TOKEN,
)
IDENTITY_AWAY: Final = refusals.Refusal(
    code="identity-unavailable",
    when="response.code_details.startsWith('rbac_access_denied')",
    headers_match=(header_is(UNANSWERED_HEADER, "true"),),
    status=503,
    title="Service Unavailable",
    detail="Your token has expired and cannot be renewed just now. You are still signed in: try again.",
    headers={"retry-after": "2"},
)
GO_AND_SIGN_IN: Final = refusals.Refusal(
    code="sign-in-first",
    when="response.code_details.startsWith('rbac_access_denied')",
    headers_match=(header_present(names.NEXT_HEADER),),
    status=303,
    title="See Other",
    detail="Sign in first.",
    headers={
        "location": f"{vocabulary.SIGN_IN_PATH}?next=%REQ({names.NEXT_HEADER})%",
        "cache-control": "no-store",
    },
)


def _refusals(cookies: Cookies) -> tuple[refusals.Refusal, ...]:
    """Order the answers; a revoked token that came in a cookie is taken out of the browser with its session."""
    from_cookie = replace(
        refusals.TOKEN_REVOKED,
        headers_match=(header_present(names.TOKEN_HEADER),),
        cookies=cookies.deletions(),
    )
    of_a_person = replace(
        from_cookie,
        headers_match=(*from_cookie.headers_match, *GO_AND_SIGN_IN.headers_match),
        status=GO_AND_SIGN_IN.status,
        title=GO_AND_SIGN_IN.title,
        headers=GO_AND_SIGN_IN.headers,
    )
    return (
        CROSS_SITE,
        refusals.TOKEN_EXPIRED,
        of_a_person,
        from_cookie,
        refusals.TOKEN_REVOKED,
        refusals.TOKEN_INVALID,
        API_KEY_INVALID,
        IDENTITY_AWAY,
        GO_AND_SIGN_IN,
        refusals.TOKEN_MISSING,
        *refusals.BY_STATUS,
    )


def edge(plan: Plan) -> Listener:
    """Let nothing through unauthenticated but to what is open, and say where to sign in."""
    manager = connection_manager(EDGE, plan.edge.workload)
    # The client's address is the connection's, and request ids are made here: nobody outside chooses them.
    manager.use_remote_address = True
    manager.tracing = trace_context(plan, plan.edge.workload)
    manager.http_filters = edge_chain(plan)
    manager.local_reply_config = refusals.local_replies(_refusals(plan.edge.cookies), plan.mesh)
    manager.access_log = audit_log(plan, plan.edge.workload, "edge")
    door = listener(EDGE, plan.edge.listen, manager)
    if plan.edge.tls is not None:
        door.filter_chains[0].transport_socket = tls(plan.edge)
    return door


def edge_routes(plan: Plan) -> RouteConfiguration:
    """Give identity's paths, then the services', and an answer for all others."""
    return RouteConfiguration(
        name=EDGE,
        request_headers_to_add=_scheme(plan.edge),
        request_headers_to_remove=[*names.INTERNAL_HEADERS, UNANSWERED_HEADER, *HEARSAY],
        virtual_hosts=[
            VirtualHost(
                name=EDGE,
                domains=["*"],
                retry_policy=RETRIES,
                routes=[
                    doubtful_path(open_to_anyone() | no_renewal()),
                    doubtful_host(open_to_anyone() | no_renewal()),
                    *_identity(plan),
                    *map(_service, plan.edge.routes),
                    _unknown(),
                ],
                typed_per_filter_config=cors_policy(plan.edge.allow_origins),
            )
        ],
    )


def _scheme(edge: Edge) -> list[HeaderValueOption]:
    """Tell services that browsers come by https where something in front of the edge ends TLS: Envoy sees http."""
    in_front = edge.tls is None and edge.origin.startswith("https://")
    return [overwrite("x-forwarded-proto", "https")] if in_front else []


def _identity(plan: Plan) -> list[Route]:
    """Route to identity: `/me` as to any service; the rest is how one comes by a token, and open."""
    there = to_cluster(names.identity_cluster(plan.identity.address), IDENTITY_TIMEOUT)
    there.idle_timeout = IDENTITY_TIMEOUT
    me = Route(
        name="identity",
        match=RouteMatch(path=vocabulary.ME_PATH),
        route=there,
        typed_per_filter_config=wait_for_body(),
        request_headers_to_add=[THE_CALLER],
    )
    open_ = open_to_anyone() | no_renewal() | keep_own_cookies() | may_set_cookies() | wait_for_body()
    matches = [
        # Identity itself reads how a client authenticates, and answers another site's form by a redirect to a GET.
        *((RouteMatch(path=path), open_ | any_authorization()) for path in vocabulary.CLIENT_PATHS),
        *((RouteMatch(path=path), open_ | from_any_site()) for path in vocabulary.CROSS_SITE_PATHS),
        *((below(path), open_) for path in plan.identity.paths),
    ]
    return [
        me,
        *(
            Route(
                name="identity",
                match=match,
                route=there,
                typed_per_filter_config=config,
                request_headers_to_add=[THE_CALLER],
            )
            for match, config in matches
        ),
    ]


def _service(route: EdgeRoute) -> Route:
    return Route(
        name=route.service,
        match=below(route.path, route.methods),
        route=to_cluster(names.peer_cluster(route.service)),
        typed_per_filter_config=open_to_anyone() if route.open else {},
    )


def _unknown() -> Route:
    return answer("unknown", RouteMatch(prefix="/"), 404, config=open_to_anyone() | no_renewal())
