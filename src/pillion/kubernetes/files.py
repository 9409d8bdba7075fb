"""All files that a mesh comes to in a cluster, by their paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pillion.kubernetes import base, chart, identity, inject, kustomization, monitoring, overlay, pods
from pillion.kubernetes.base import MADE, File, Told
from pillion.kubernetes.chart import Documents
from pillion.kubernetes.names import Cluster
from pillion.kubernetes.text import manifest
from pillion.plan import in_pods
from pillion.topology import Topology


class TakenNameError(Exception):
    """A service's object would have the name of another one; the message says which service, and what to do."""


class TooLongError(Exception):
    """What an Envoy is told does not fit into an object of the cluster's; the message says whose it is."""


@dataclass(frozen=True)
class Manifests:
    """The files of base/ by their paths, and the documents that need Prometheus' operator.

    `images` are those of services; `variables` the keys that the user's Secret has to have. The services
    `without_image` bring manifests of their own.
    """

    cluster: Cluster
    base: Mapping[str, File]
    monitoring: Documents
    services: tuple[str, ...]
    images: tuple[str, ...]
    variables: tuple[str, ...]
    without_image: tuple[str, ...]


def manifests(topology: Topology, namespace: str | None = None, domain: str = "cluster.local") -> Manifests:
    """Work out every document. The same topology gives the same ones. Raises TakenNameError, TooLongError."""
    cluster = Cluster(topology.mesh, namespace or topology.mesh)
    plan = in_pods(topology, cluster.namespace, domain)
    made = base.files(Told(cluster, topology, plan, inject.facts_of(topology)))
    _refuse_taken(made, topology.services)
    _refuse_too_long(made)
    images = {name: each.image for name, each in topology.services.items()}
    return Manifests(
        cluster,
        base=made,
        monitoring=monitoring.documents(cluster),
        services=tuple(sidecar.service for sidecar in plan.sidecars),
        images=tuple(sorted({image for image in images.values() if image})),
        variables=identity.variables(topology),
        without_image=tuple(sorted(name for name, image in images.items() if not image)),
    )


def _refuse_taken(files: Mapping[str, File], services: Iterable[str]) -> None:
    """Stop where two documents are one to the cluster: a service called `known` has `pillion-known`, too."""
    owners: dict[tuple[str, str], str] = {}
    for path, file in files.items():
        for document in file.documents:
            key = (document["kind"], document["metadata"]["name"])
            if owners.setdefault(key, path) != path:
                name = next(name for name in services if path == base.path_of(name))
                raise TakenNameError(
                    f"services.{name}: its {key[0]} would be called {key[1]}, as one in {owners[key]} is: "
                    "give the service another name"
                )


def _refuse_too_long(files: Mapping[str, File]) -> None:
    """Stop before the cluster would, half way through."""
    for document in (
        each for file in files.values() for each in file.documents if each["kind"] == "ConfigMap"
    ):
        if (size := pods.size(document)) > pods.CONFIG_MAP_BYTES:
            name = document["metadata"]["name"]
            raise TooLongError(
                f"the ConfigMap {name} would have {size:,} bytes, and a cluster takes {pods.CONFIG_MAP_BYTES:,}: "
                "have fewer services in this mesh, with 'paths' above all, and others in a mesh of their own"
            )


def render(made: Manifests) -> dict[str, str]:
    """Give every file, by its path below the folder that is rendered to."""
    templates = {path: file.template for path, file in made.base.items()}
    return (
        _base(made)
        | _monitoring(made)
        | _overlay(made)
        | chart.files(made.cluster, templates, made.monitoring, MADE)
    )


def _base(made: Manifests) -> dict[str, str]:
    listed = manifest([kustomization.base(made.base)], MADE)
    return {"base/kustomization.yaml": listed} | {
        f"base/{path}": file.text for path, file in made.base.items()
    }


def _monitoring(made: Manifests) -> dict[str, str]:
    folder = "components/monitoring"
    return {
        f"{folder}/kustomization.yaml": manifest([kustomization.component(["monitoring.yaml"])], MADE),
        f"{folder}/monitoring.yaml": manifest(made.monitoring, MADE),
    }


def _overlay(made: Manifests) -> dict[str, str]:
    return overlay.files(made.cluster, made.services[0], made.images, made.variables)
