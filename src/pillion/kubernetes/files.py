"""All files that a mesh comes to in a cluster, by their paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion import yaml_writer
from pillion.kubernetes import (
    chart,
    control,
    edge,
    every_pod,
    identity,
    inject,
    kustomization,
    mesh,
    monitoring,
    names,
    overlay,
    pods,
    service,
    webhook_manifests,
)
from pillion.kubernetes.names import Cluster
from pillion.kubernetes.text import joined, manifest
from pillion.plan import in_pods
from pillion.topology import Topology

Documents = list[dict[str, Any]]

MADE: Final = "Made by 'pillion render kubernetes', which writes it anew: change pillion.yaml, or an overlay."


class TakenNameError(Exception):
    """A service's object would have the name of another one; the message says which service, and what to do."""


class TooLongError(Exception):
    """What an Envoy is told does not fit into an object of the cluster's; the message says whose it is."""


@dataclass(frozen=True)
class Manifests:
    """The documents by file, as they are applied, and those that need Prometheus' operator.

    `images` are those of services; `variables` the keys that the user's Secret has to have. The services
    `without_image` bring manifests of their own.
    """

    cluster: Cluster
    base: Mapping[str, Documents]
    monitoring: Documents
    services: tuple[str, ...]
    images: tuple[str, ...]
    variables: tuple[str, ...]
    without_image: tuple[str, ...]


def manifests(topology: Topology, namespace: str | None = None, domain: str = "cluster.local") -> Manifests:
    """Work out every document. The same topology gives the same ones. Raises TakenNameError, TooLongError."""
    cluster = Cluster(topology.mesh, namespace or topology.mesh)
    plan = in_pods(topology, cluster.namespace, domain)
    facts = inject.facts_of(topology)
    envoys = every_pod.files(plan)
    images = {name: each.image for name, each in topology.services.items()}
    base = {
        "mesh.yaml": mesh.documents(cluster, (issuer.name for issuer in plan.verification.trusted)),
        "identity.yaml": identity.documents(cluster, topology, plan, envoys[names.IDENTITY]),
        "control.yaml": control.documents(cluster, topology, plan, envoys[names.CONTROL]),
        "webhook.yaml": webhook_manifests.documents(cluster, facts),
        "edge.yaml": edge.documents(cluster, plan, envoys[names.EDGE]),
    }
    for sidecar in plan.sidecars:
        name = sidecar.service
        base[f"services/{name}.yaml"] = service.documents(
            cluster, plan, facts[name], images[name], envoys[name]
        )
    _refuse_taken(base, topology.services)
    _refuse_too_long(base)
    return Manifests(
        cluster,
        base=base,
        monitoring=monitoring.documents(cluster),
        services=tuple(sidecar.service for sidecar in plan.sidecars),
        images=tuple(sorted({image for image in images.values() if image})),
        variables=identity.variables(topology),
        without_image=tuple(sorted(name for name, image in images.items() if not image)),
    )


def _refuse_taken(base: Mapping[str, Documents], services: Iterable[str]) -> None:
    """Stop where two documents are one to the cluster: a service called `known` has `pillion-known`, too."""
    owners: dict[tuple[str, str], str] = {}
    for path, documents in base.items():
        for document in documents:
            key = (document["kind"], document["metadata"]["name"])
            if owners.setdefault(key, path) != path:
                name = next(name for name in services if path == f"services/{name}.yaml")
                raise TakenNameError(
                    f"services.{name}: its {key[0]} would be called {key[1]}, as one in {owners[key]} is: "
                    "give the service another name"
                )


def _refuse_too_long(base: Mapping[str, Documents]) -> None:
    """Stop before the cluster would, half way through."""
    for document in (
        each for documents in base.values() for each in documents if each["kind"] == "ConfigMap"
    ):
        if (size := pods.size(document)) > pods.CONFIG_MAP_BYTES:
            name = document["metadata"]["name"]
            raise TooLongError(
                f"the ConfigMap {name} would have {size:,} bytes, and a cluster takes {pods.CONFIG_MAP_BYTES:,}: "
                "have fewer services in this mesh, with 'paths' above all, and others in a mesh of their own"
            )


def render(made: Manifests) -> dict[str, str]:
    """Write every file, by its path below the folder that is rendered to."""
    written = {
        path: [(each, yaml_writer.document(each)) for each in documents]
        for path, documents in made.base.items()
    }
    helm = chart.files(made.cluster, written, made.monitoring, MADE)
    return _base(made, written) | _monitoring(made) | _overlay(made) | helm


def _base(made: Manifests, documents: Mapping[str, chart.Written]) -> dict[str, str]:
    written = {
        f"base/{path}": joined((text for _, text in of_file), MADE) for path, of_file in documents.items()
    }
    listed = manifest([kustomization.base(made.base)], MADE)
    return {"base/kustomization.yaml": listed, **written}


def _monitoring(made: Manifests) -> dict[str, str]:
    folder = "components/monitoring"
    return {
        f"{folder}/kustomization.yaml": manifest([kustomization.component(["monitoring.yaml"])], MADE),
        f"{folder}/monitoring.yaml": manifest(made.monitoring, MADE),
    }


def _overlay(made: Manifests) -> dict[str, str]:
    return overlay.files(made.cluster, made.services[0], made.images, made.variables)
