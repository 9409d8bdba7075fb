"""The files of base/, and the chart's templates of them: each by itself, so that processes may share the work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillion import yaml_writer
from pillion.envoy.files import render_pod
from pillion.kubernetes import (
    chart,
    control,
    edge,
    identity,
    mesh,
    names,
    service,
    webhook_manifests,
)
from pillion.kubernetes.chart import Documents
from pillion.kubernetes.inject import ServiceFacts
from pillion.kubernetes.names import Cluster
from pillion.kubernetes.side_by_side import of_each
from pillion.kubernetes.text import joined
from pillion.plan import Plan
from pillion.topology import Topology

MADE: Final = "Made by 'pillion render kubernetes', which writes it anew: change pillion.yaml, or an overlay."
_SERVICES: Final = "services/"


@dataclass(frozen=True)
class Told:
    """What each file is worked out from."""

    cluster: Cluster
    topology: Topology
    plan: Plan
    facts: Mapping[str, ServiceFacts]


@dataclass(frozen=True)
class File:
    """A file: its documents, as they are applied, their text, and that for Helm."""

    documents: Documents
    text: str
    template: chart.Template


def files(told: Told) -> dict[str, File]:
    """Give all of them, by their paths below base/."""
    own = ("mesh.yaml", "identity.yaml", "control.yaml", "webhook.yaml", "edge.yaml")
    return of_each(_file, told, [*own, *(path_of(sidecar.service) for sidecar in told.plan.sidecars)])


def path_of(service_name: str) -> str:
    """Name the file of a service."""
    return f"{_SERVICES}{service_name}.yaml"


def _file(told: Told, path: str) -> File:
    documents = _documents(told, path)
    texts = [*map(yaml_writer.document, documents)]
    return File(documents, joined(texts, MADE), chart.template(zip(documents, texts, strict=True), MADE))


def _documents(told: Told, path: str) -> Documents:
    cluster, plan = told.cluster, told.plan
    match path:
        case "mesh.yaml":
            return mesh.documents(cluster, (issuer.name for issuer in plan.verification.trusted))
        case "identity.yaml":
            return identity.documents(cluster, told.topology, plan, render_pod(plan, names.IDENTITY))
        case "control.yaml":
            return control.documents(cluster, told.topology, plan, render_pod(plan, names.CONTROL))
        case "webhook.yaml":
            return webhook_manifests.documents(cluster, told.facts)
        case "edge.yaml":
            return edge.documents(cluster, plan, render_pod(plan, names.EDGE))
    name = path.removeprefix(_SERVICES).removesuffix(".yaml")
    image = told.topology.services[name].image
    return service.documents(cluster, plan, told.facts[name], image, render_pod(plan, name))
