"""A service: its network, its sidecar, and the service itself, which nobody reaches but by the sidecar."""

from typing import Any

from pillion.compose import containers, envoys, names
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.plan.model import Workload
from pillion.vocabulary import EGRESS_PORT


def described(workload: Workload, facts: ServiceFacts, image: str | None) -> dict[str, dict[str, Any]]:
    """Describe the three containers of a service, by their names."""
    name = workload.name
    return {
        names.network_holder(name): _holder(),
        names.envoy(name): envoys.of_service(workload),
        name: _app(facts, image),
    }


def _holder() -> dict[str, Any]:
    """Keep a network while sidecar and service come and go: who shares another's loses it when that one ends."""
    return {
        "image": names.ENVOY,
        "user": containers.AS_PILLION,
        "init": True,
        "entrypoint": ["sleep"],
        "command": ["infinity"],
        **containers.HARDENED,
        **containers.limits("16m", 8),
    }


def _app(facts: ServiceFacts, image: str | None) -> dict[str, Any]:
    variable = names.image_variable(facts.name)
    proxy = f"http://127.0.0.1:{EGRESS_PORT}"
    without = "localhost,127.0.0.1,::1"
    return {
        "image": image or names.asked_for(variable, f"the image of the service {facts.name}"),
        "network_mode": f"service:{names.network_holder(facts.name)}",
        "environment": {
            "HOST": facts.app.host,
            "PORT": str(facts.app.port),
            "PILLION_SERVICE": facts.name,
            "HTTP_PROXY": proxy,
            "http_proxy": proxy,
            "NO_PROXY": without,
            "no_proxy": without,
        },
        **containers.HARDENED,
        "tmpfs": [containers.scratch()],
        "depends_on": names.healthy(names.envoy(facts.name)),
    }
