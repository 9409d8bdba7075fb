"""What injection needs to know of a service."""

from dataclasses import dataclass

from pillion.topology import Address, Service, Topology


@dataclass(frozen=True)
class ServiceFacts:
    """A service: where its program listens, whom it calls, and the path that says whether it is well, if any."""

    name: str
    app: Address
    calls: tuple[str, ...] = ()
    health: str | None = None


class SocketError(Exception):
    """A service listens on a Unix socket, which its sidecar does not see in a pod."""


def facts_of(topology: Topology) -> dict[str, ServiceFacts]:
    """Take them from the topology, by the services' names; raises SocketError."""
    return {name: _facts(name, service) for name, service in topology.services.items()}


def _facts(name: str, service: Service) -> ServiceFacts:
    if not isinstance(service.app, Address):
        raise SocketError(
            f"services.{name}.app: '{service.app}' is in no other container of a pod: "
            "let the service listen on a port, such as 127.0.0.1:7001"
        )
    return ServiceFacts(name, service.app, service.calls, getattr(service, "health", None))
