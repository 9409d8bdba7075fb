"""What becomes of one request, and why: decided by the plan alone, from the conditions that Envoy is told.

The caller's token is taken to be good: what makes one bad has nothing to do with the rules.
"""

from dataclasses import dataclass, replace
from typing import Final

from pillion import vocabulary
from pillion.plan import paths
from pillion.plan.conditions import Caller, holds
from pillion.plan.model import Plan, Rule
from pillion.plan.needs import Kind, Need, signed_in
from pillion.topology.route import covers

# What an Envoy answers to whom a need is missing: status and code (docs/interface.md, "At the edge").
_REFUSALS: Final[dict[Kind, tuple[int, str]]] = {
    "signed-in": (401, "token-missing"),
    "scope": (403, "scope-missing"),
    "mfa": (401, "step-up-required"),
}
_REFUSED: Final = (403, "rule-refused")
_MALFORMED: Final = (400, "request-malformed")


@dataclass(frozen=True)
class Request:
    """A request: `target` is a path with or without a query, well-formed (`paths.WELL_FORMED`)."""

    method: str
    target: str


@dataclass(frozen=True)
class Tried:
    """A rule that was tried, and why it was not the one: empty for the one that decides."""

    rule: Rule
    passed_over: str


@dataclass(frozen=True)
class Asked:
    """What the deciding rule asks for, and whether the caller has it."""

    need: Need
    met: bool


@dataclass(frozen=True)
class Explanation:
    """The answer: 200 stands for whatever the service says, and has no code.

    `by` is who decides: `edge`, `identity`, or a service, whose sidecar it is. `path` is as rules see it, and
    None where it is refused as it came. `tried` are rules of `service`, where the request goes to one.
    """

    status: int
    code: str | None
    by: str
    path: str | None
    why: str
    service: str | None = None
    tried: tuple[Tried, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def rule(self) -> str | None:
        """The rule that decides; None where it is decided before any."""
        return self.tried[-1].rule.name if self.tried else None


def at_the_edge(plan: Plan, request: Request, caller: Caller) -> Explanation:
    """Explain a request from outside; `caller.workload` does not matter, the edge is it."""
    path = paths.normal(request.target)
    if path is None or paths.is_doubtful(path):
        return _malformed("edge", path)
    if any(covers(own, path) for own in plan.identity.paths):
        return _by_identity(plan, path, caller)
    route = next((one for one in plan.edge.routes if _is_for(one.path, one.methods, request, path)), None)
    if route is None:
        return Explanation(404, "path-unknown", "edge", path, "no service has this path")
    found = at_the_sidecar(plan, route.service, request, replace(caller, workload=plan.edge.spiffe_id))
    # The edge keeps out whom the rules would as well; it is asked first.
    return found if route.open or _is_signed_in(plan, caller) else replace(found, by="edge")


def between(plan: Plan, calling: str, called: str, request: Request, caller: Caller) -> Explanation:
    """Explain a request from one service to another; without a token it gets the calling service's own."""
    sidecars = {one.service: one for one in plan.sidecars}
    path = paths.normal(request.target)
    if path is None:  # already at the calling service's egress
        return _malformed(calling, path)
    if called not in {peer.service for peer in sidecars[calling].peers}:
        why = f"'{calling}' does not name '{called}' in its calls"
        return Explanation(403, "peer-not-called", calling, path, why)
    workload = sidecars[calling].spiffe_id
    if caller.claims is None:
        caller = Caller({"sub": workload, "client_id": workload, "roles": [], "scope": ""})
    return at_the_sidecar(plan, called, request, replace(caller, workload=workload))


def _malformed(by: str, path: str | None) -> Explanation:
    return Explanation(*_MALFORMED, by, path, "a framework may take this path for another one")


def _by_identity(plan: Plan, path: str, caller: Caller) -> Explanation:
    if path == vocabulary.ME_PATH and not _is_signed_in(plan, caller):
        return Explanation(*_REFUSALS["signed-in"], "edge", path, "a valid token is missing")
    return Explanation(200, None, "identity", path, "identity answers this itself")


def _is_signed_in(plan: Plan, caller: Caller) -> bool:
    return holds(signed_in(plan.verification.trusted).met_by, caller)


def at_the_sidecar(plan: Plan, service: str, request: Request, caller: Caller) -> Explanation:
    """Explain a request that has come to a service's sidecar from `caller.workload`."""
    path = paths.normal(request.target)
    if path is None:
        return _malformed(service, path)
    [sidecar] = (one for one in plan.sidecars if one.service == service)
    if caller.workload not in sidecar.callers:
        why = f"'{caller.workload}' is not one that may call '{service}'"
        return Explanation(403, "caller-not-allowed", service, path, why, service)
    if paths.is_doubtful(path):
        return _malformed(service, path)
    tried: list[Tried] = []
    for rule in sidecar.rules:
        passed_over = _passed_over(rule, request, path)
        tried.append(Tried(rule, passed_over))
        if not passed_over:
            break
    requirement = tried[-1].rule.requires
    asked = tuple(Asked(need, holds(need.met_by, caller)) for need in requirement.needs)
    missing = next((one.need for one in asked if not one.met), None)
    if holds(requirement.met_by, caller):
        why = "it is open to anyone" if requirement.anyone else "all that it asks for is there"
        return Explanation(200, None, service, path, why, service, tuple(tried), asked)
    if missing is None:  # the whole is made of its parts
        raise AssertionError(requirement)
    status, code = _REFUSALS.get(missing.kind, _REFUSED)
    why = f"{missing.asked} is missing"
    return Explanation(status, code, service, path, why, service, tuple(tried), asked)


def _passed_over(rule: Rule, request: Request, path: str) -> str:
    if not covers(rule.path, path):
        return "another path"
    return "" if _is_for(rule.path, rule.methods, request, path) else "other methods"


def _is_for(prefix: str, methods: tuple[str, ...], request: Request, path: str) -> bool:
    return covers(prefix, path) and (not methods or request.method in methods)
