"""Every caller that a rule names can come to the service at all."""

from collections.abc import Iterator

from pillion.topology.draft import Draft, DraftService, Item
from pillion.topology.finding import Finding
from pillion.topology.wording import did_you_mean

# The edge, among the services that a rule may name.
EDGE = "edge"


def check_callers(draft: Draft) -> Iterator[Finding]:
    """Find callers that are no workload, or have no way to the service: such a rule would let nobody in."""
    for service in draft.services:
        for rule in service.rules:
            for caller in rule.callers.items:
                yield from _found(draft, service, caller)


def _found(draft: Draft, service: DraftService, caller: Item[str]) -> Iterator[Finding]:
    if caller.value == EDGE:
        if service.paths.whole and not service.paths.items:
            message = f"the edge sends nothing to '{service.name}': the service has no 'paths'"
            yield Finding(caller.path, "not-a-caller", message)
        return
    if caller.value not in draft.names:
        hint = did_you_mean(caller.value, {*draft.names - {service.name}, EDGE})
        yield Finding(caller.path, "unknown-service", "no service is named {written}", hint)
    elif caller.value == service.name:
        message = "a service calls itself without passing its sidecar: leave {written} out"
        yield Finding(caller.path, "not-a-caller", message)
    elif any(
        caller.value == other.name
        and other.calls.whole
        and service.name not in {call.value for call in other.calls.items}
        for other in draft.services
    ):
        hint = f"write 'calls: [{service.name}]' there, or leave it out here"
        yield Finding(caller.path, "not-a-caller", f"{{written}} does not call '{service.name}'", hint)
