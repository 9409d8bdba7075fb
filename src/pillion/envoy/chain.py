"""The order of the filters, each with the reason for its place."""

from collections.abc import Sequence
from functools import lru_cache

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.filters.access import access
from pillion.envoy.filters.bearer import bearer
from pillion.envoy.filters.browser import browser
from pillion.envoy.filters.callers import callers
from pillion.envoy.filters.came_with import came_with
from pillion.envoy.filters.challenge import challenge
from pillion.envoy.filters.cors import cors
from pillion.envoy.filters.identity_headers import identity_headers
from pillion.envoy.filters.own_cookies import own_cookies
from pillion.envoy.filters.renewal import renewal
from pillion.envoy.filters.router import router
from pillion.envoy.filters.rules import rules
from pillion.envoy.filters.same_origin import same_origin
from pillion.envoy.filters.service_token import service_token
from pillion.envoy.filters.step_up_page import step_up_page
from pillion.envoy.filters.streamed import streamed
from pillion.envoy.filters.token_claims import KNOWN_REVOKED, token_claims
from pillion.envoy.filters.token_shape import token_shape
from pillion.envoy.filters.trusted_caller import trusted_caller
from pillion.envoy.filters.verification import edge_verification, known_keys, sidecar_verification
from pillion.envoy.filters.whole_body import whole_body
from pillion.envoy.names import REVOCATIONS, VERIFICATION
from pillion.envoy.shared import constant
from pillion.plan.model import Plan, Sidecar, Verification


@lru_cache(maxsize=8)
def sidecar_chain(verification: Verification) -> Sequence[HttpFilter]:
    """Give the filters between anybody and a service. Identity headers were dropped before the first."""
    chain = (
        came_with(),  # before any answer: a refusal is a hop as well
        callers(),  # before anything is checked, or said: some workloads have no business here
        token_shape(),  # before anything parses the token
        # What comes after may believe the token's claims.
        streamed(VERIFICATION, sidecar_verification(verification, known_keys(verification))),
        # Needs the claims; before anything that acts on them.
        streamed(REVOCATIONS, token_claims(verification, KNOWN_REVOKED)),
        *trusted_caller(verification),  # as soon as another issuer's token is known to be good
        challenge(),  # before the rules, which could not say what is missing
        rules(),  # needs to know who is calling, by a token that is good in every respect
        *identity_headers(),  # last of ours: nobody that was refused is ever named
        router(),
    )
    return [*map(constant, chain)]


def edge_chain(plan: Plan) -> list[HttpFilter]:
    """Give the filters between the outer world and the sidecars."""
    return [
        came_with(),  # before any answer: a refusal is a hop as well
        cors(),  # answers preflights, which carry no credentials
        browser(plan.edge.cookies),  # turns cookies into what the rest looks for
        step_up_page(),  # as soon as it is known who is going to a page
        same_origin(plan.edge),  # as soon as it is known that a cookie is relied on
        token_shape(),  # from here to the revocations as in a sidecar
        streamed(VERIFICATION, edge_verification(plan.verification, known_keys(plan.verification))),
        streamed(REVOCATIONS, token_claims(plan.verification, KNOWN_REVOKED)),
        *trusted_caller(plan.verification),  # so that the access log can say who it was
        renewal(plan.identity),  # only for a session whose token was missing or not verified above
        access(plan.verification),  # nobody without a token goes on, but to an open path
        bearer(),  # a verified cookie's token becomes what services expect; a stale one stays behind
        own_cookies(plan.edge.cookies),  # sees an answer before `renewal` adds its cookie
        whole_body(),  # for identity alone, and only for those who were let in
        router(),
    ]


def egress_chain(plan: Plan, sidecar: Sidecar) -> list[HttpFilter]:
    """Give the filters between a service and those whom it calls, who check by themselves what comes."""
    return [
        came_with(),
        *([service_token(plan, sidecar)] if sidecar.peers else []),  # only for a call that carries none
        router(),
    ]
