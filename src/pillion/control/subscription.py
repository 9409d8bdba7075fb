"""What one Envoy has, wants and refused, and so what it is to be sent next: the delta xDS protocol, without I/O.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "Incremental xDS". At most one version of a
resource is under way: what changes meanwhile is sent when that one is acknowledged, and only in its latest form.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest

from pillion.control.resources import Resource, Resources


@dataclass(frozen=True)
class Refusal:
    """A version that Envoy did not take, and why, in its own words."""

    version: str
    message: str


@dataclass
class Subscription:
    """The state of one stream; all by the resources' names."""

    wanted: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)

    def receive(self, request: DeltaDiscoveryRequest) -> Refusal | None:
        """Take note of what an Envoy says; gives its refusal, if it is one."""
        for name in request.resource_names_unsubscribe:
            self.wanted.discard(name)
            self.held.pop(name, None)
        for name in request.resource_names_subscribe:
            self.wanted.add(name)
            # Who asks again is told again, unless it says below what it has.
            self.held.pop(name, None)
        self.held.update(request.initial_resource_versions)
        return self._answered(request)

    def due(self, resources: Resources) -> Iterator[Resource]:
        """Give what is to be sent now, and take it for sent."""
        for name, resource in resources.items():
            refusal = self.refused.get(name)
            if self.held.get(name) == resource.version:
                self.refused.pop(name, None)  # what was refused is wanted no more
            if (
                name in self.wanted
                and name not in self.under_way
                and self.held.get(name) != resource.version
                and (refusal is None or refusal.version != resource.version)
            ):
                self.under_way[name] = resource.version
                yield resource

    def _answered(self, request: DeltaDiscoveryRequest) -> Refusal | None:
        name, _, version = request.response_nonce.rpartition(" ")
        if not name or self.under_way.get(name) != version:
            return None
        del self.under_way[name]
        if request.error_detail is not None:
            refusal = Refusal(version, request.error_detail.message)
            self.refused[name] = refusal
            return refusal
        self.held[name] = version
        self.refused.pop(name, None)
        return None
