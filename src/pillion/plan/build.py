"""From a topology to the plan: what the user did not write is denied here."""

import posixpath
from collections.abc import Iterable, Mapping

from pillion import vocabulary
from pillion.plan.issuer import Issuer
from pillion.plan.model import (
    Edge,
    EdgeRoute,
    Identity,
    Peer,
    Plan,
    Reached,
    Rule,
    Sidecar,
    Tls,
    Verification,
)
from pillion.plan.needs import required, signed_in
from pillion.plan.ports import Places
from pillion.topology import Issuer as WrittenIssuer
from pillion.topology import Service, Topology, claim_path


def build(topology: Topology, ports: Mapping[str, Places], identity: Reached) -> Plan:
    """Work out what follows from `topology`.

    `ports` says where each service's sidecar listens (see `assign`), `identity` where the edge reaches the
    identity service. The result depends on nothing else.
    """
    services = sorted(topology.services.items())
    calling = _calling(topology)
    sidecars = tuple(_sidecar(topology, name, service, ports, calling[name]) for name, service in services)
    return Plan(
        mesh=topology.mesh,
        verification=Verification(
            issuer=topology.edge.origin,
            audience=topology.mesh,
            max_lifetime=vocabulary.MAX_TOKEN_LIFETIME,
            trusted=_trusted(topology),
        ),
        edge=Edge(
            spiffe_id=vocabulary.edge_spiffe_id(topology.mesh),
            listen=topology.edge.listen,
            origin=topology.edge.origin,
            tls=_tls(topology.edge.tls),
            allow_origins=tuple(sorted(topology.edge.allow_origins)),
            cookies=vocabulary.cookies(secure=topology.edge.origin.startswith("https://")),
            routes=_edge_routes(topology, sidecars),
        ),
        identity=Identity(address=identity, paths=vocabulary.IDENTITY_PATHS),
        sidecars=sidecars,
        collector=topology.telemetry.otlp,
    )


def _trusted(topology: Topology) -> tuple[Issuer, ...]:
    return tuple(_issuer(name, issuer) for name, issuer in sorted(topology.trust.items()))


def _issuer(name: str, written: WrittenIssuer) -> Issuer:
    claims = written.claims
    return Issuer(
        name=name,
        issuer=written.issuer,
        keys=written.jwks,
        audience=written.audience,
        user=claim_path(claims.user),
        email=claim_path(claims.email) if claims.email else None,
        roles=claim_path(claims.roles) if claims.roles else None,
        scope=claim_path(claims.scope) if claims.scope else None,
        extra=tuple((lent, claim_path(claim)) for lent, claim in sorted((claims.extra or {}).items())),
    )


def _tls(written: Tls | None) -> Tls | None:
    """Say where the files lie as seen from the state folder, which lies beside pillion.yaml."""
    if written is None:
        return None
    return Tls(certificate=posixpath.join("..", written.certificate), key=posixpath.join("..", written.key))


def _sidecar(
    topology: Topology, name: str, service: Service, ports: Mapping[str, Places], calling: Iterable[str]
) -> Sidecar:
    return Sidecar(
        service=name,
        spiffe_id=vocabulary.spiffe_id(topology.mesh, name),
        inbound=ports[name].inbound,
        reached=ports[name].reached,
        egress=ports[name].egress,
        app=service.app,
        rules=_rules(topology, service),
        peers=tuple(
            Peer(
                service=callee,
                address=ports[callee].reached,
                spiffe_id=vocabulary.spiffe_id(topology.mesh, callee),
            )
            for callee in sorted(service.calls)
        ),
        callers=_callers(topology.mesh, service, calling),
        health=service.health,
    )


def _calling(topology: Topology) -> Mapping[str, list[str]]:
    """Name the services that say they call a service, by that one's name."""
    calling: dict[str, list[str]] = {name: [] for name in topology.services}
    for caller, service in sorted(topology.services.items()):
        for callee in {*service.calls}:
            calling[callee].append(caller)
    return calling


def _callers(mesh: str, service: Service, calling: Iterable[str]) -> tuple[str, ...]:
    """Name the edge, if it has a path that leads to the service, and those that say they call it."""
    edge = [vocabulary.edge_spiffe_id(mesh)] if service.paths else []
    return (*edge, *(vocabulary.spiffe_id(mesh, caller) for caller in calling))


def _rules(topology: Topology, service: Service) -> tuple[Rule, ...]:
    """Give the written rules, and one that ends them: whom none speaks of must at least be signed in."""
    trusted = _trusted(topology)
    written = (
        Rule(
            name=f"rules[{index}]",
            path=rule.path,
            methods=_methods(rule.methods),
            requires=required(rule, topology.mesh, trusted),
        )
        for index, rule in enumerate(service.rules)
    )
    return (*written, Rule(name="default", path="/", methods=(), requires=signed_in(trusted)))


def _methods(written: Iterable[str]) -> tuple[str, ...]:
    """Take HEAD along with GET: the same request, but for the answer's body (RFC 9110, section 9.3.2)."""
    methods = set(written)
    return tuple(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _edge_routes(topology: Topology, sidecars: tuple[Sidecar, ...]) -> tuple[EdgeRoute, ...]:
    """Give the routes of the edge, the longest path first, so that `/` catches only what nobody else claims.

    Below each path the service's own rules are repeated, in their order, as far as they lie there: the edge
    has to know which requests may go through without a token.
    """
    by_path = sorted(
        ((path, sidecar) for sidecar in sidecars for path in topology.services[sidecar.service].paths),
        key=lambda item: (-len(item[0]), item[0]),
    )
    return tuple(route for path, sidecar in by_path for route in _routes_below(path, sidecar))


def _routes_below(path: str, sidecar: Sidecar) -> list[EdgeRoute]:
    routes = [
        EdgeRoute(
            path=_longer(path, rule.path),
            methods=rule.methods,
            service=sidecar.service,
            open=rule.requires.anyone,
        )
        for rule in sidecar.rules
        if _is_below(rule.path, path) or _is_below(path, rule.path)
    ]
    return _without_needless(routes)


def _without_needless(routes: list[EdgeRoute]) -> list[EdgeRoute]:
    """Drop the routes that the last one (it takes everything) would treat alike, from the end on."""
    while len(routes) > 1 and routes[-2].open == routes[-1].open:
        del routes[-2]
    return routes


def _longer(one: str, other: str) -> str:
    return max(one, other, key=len)


def _is_below(path: str, prefix: str) -> bool:
    return prefix in ("/", path) or path.startswith(f"{prefix}/")
