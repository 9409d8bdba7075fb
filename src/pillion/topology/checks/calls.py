"""Every call goes to a service that exists, and not to the caller itself."""

from collections.abc import Iterator

from pillion.topology.draft import Draft
from pillion.topology.finding import Finding
from pillion.topology.wording import did_you_mean


def check_calls(draft: Draft) -> Iterator[Finding]:
    """Find calls to nobody and to oneself."""
    for service in draft.services:
        for call in service.calls.items:
            if call.value == service.name:
                message = "a service calls itself without passing its sidecar: leave {written} out"
                yield Finding(call.path, "calls-itself", message)
            elif call.value not in draft.names:
                hint = did_you_mean(call.value, draft.names - {service.name})
                yield Finding(call.path, "unknown-service", "no service is named {written}", hint)
