"""The configurations that Pillion is measured against, each as its manual would have one write it."""

import json
from pathlib import Path
from typing import Any

from tests.envoy.forge import Forge

from benchmarks.tokens import AUDIENCE, ISSUER, public_pem

_TYPES = "type.googleapis.com/envoy.extensions.filters"
_ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}}


def service(port: int) -> dict[str, Any]:
    """Give a service that costs as little as a real server can: Envoy, answering by itself."""
    answer = {"status": 200, "body": {"inline_string": '{"orders": []}'}}
    return _envoy(port, [{"match": {"prefix": "/"}, "direct_response": answer}], [_ROUTER], [])


def plain_envoy(port: int, upstream: int) -> dict[str, Any]:
    """Give an Envoy without any filter."""
    return _envoy(port, [_forward()], [_ROUTER], [_cluster(upstream)])


def jwt_envoy(port: int, upstream: int, forge: Forge) -> dict[str, Any]:
    """Give an Envoy with jwt_authn alone, by its documentation's first example."""
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps({"keys": [forge.jwk()]})},
        "forward": True,
    }
    jwt_authn = {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": f"{_TYPES}.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"bench": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
        },
    }
    return _envoy(port, [_forward()], [jwt_authn, _ROUTER], [_cluster(upstream)])


def haproxy(port: int, upstream: int, forge: Forge, folder: Path) -> str:
    """Give a HAProxy that checks signature, algorithm, issuer, audience and expiry on one thread."""
    (folder / "public.pem").write_text(public_pem(forge))
    return f"""
global
    nbthread 1
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 2s
frontend door
    bind 127.0.0.1:{port}
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISSUER} }}
    http-request deny deny_status 401 unless {{ var(txn.aud) -m str {AUDIENCE} }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{folder}/public.pem") 1 }}
    default_backend service
backend service
    server one 127.0.0.1:{upstream}
"""


def _forward() -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "route": {"cluster": "service"}}


def _cluster(port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        "name": "service",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "service", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _envoy(
    port: int, routes: list[dict[str, Any]], filters: list[dict[str, Any]], clusters: list[dict[str, Any]]
) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": filters,
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}
