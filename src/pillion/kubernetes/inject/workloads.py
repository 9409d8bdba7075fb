"""Where the pod template is in what Kubernetes runs pods of, and whose pods they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion.kubernetes.inject.pod import SERVICE_LABEL
from pillion.kubernetes.inject.remark import Manifest, Path

_APPS: Final = ("spec", "template")
_TEMPLATES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "Deployment"): _APPS,
    ("apps", "StatefulSet"): _APPS,
    ("apps", "DaemonSet"): _APPS,
    ("apps", "ReplicaSet"): _APPS,
    ("batch", "Job"): _APPS,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "ReplicationController"): _APPS,
    ("", "PodTemplate"): ("template",),
    ("", "Pod"): (),
}


@dataclass(frozen=True)
class Workload:
    """An object that runs pods: what it is called, and the path of its pod template in the document."""

    kind: str
    name: str
    namespace: str | None
    at: Path
    template: Manifest

    @property
    def title(self) -> str:
        """The name as kubectl writes it."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def label(self) -> str | None:
        """The service that its pods say they are of."""
        labels = _mapping(_mapping(self.template.get("metadata")).get("labels"))
        return labels.get(SERVICE_LABEL)


@dataclass(frozen=True)
class Unknown:
    """An object of another kind that seems to run pods."""

    title: str
    name: str
    at: Path


def workloads(document: Any, at: Path = ()) -> Iterator[Workload | Unknown]:
    """Find what runs pods in a document, of which some are lists of others."""
    document = _mapping(document)
    kind, name = document.get("kind"), _mapping(document.get("metadata")).get("name")
    if not isinstance(kind, str):
        return
    if kind == "List" and isinstance(document.get("items"), list):
        for index, each in enumerate(document["items"]):
            yield from workloads(each, (*at, "items", index))
        return
    group = str(document.get("apiVersion")).rpartition("/")[0]
    path = _TEMPLATES.get((group, kind))
    found = _at(document, _APPS if path is None else path)
    if path is None:
        if isinstance(_mapping(found.get("spec")).get("containers"), list):
            yield Unknown(f"{kind.lower()}/{name}", str(name), at)
        return
    namespace = _mapping(document.get("metadata")).get("namespace")
    yield Workload(kind, str(name), namespace, (*at, *path), found)


def _at(document: Manifest, path: tuple[str, ...]) -> Manifest:
    for key in path:
        document = _mapping(document.get(key))
    return document


def _mapping(value: Any) -> Manifest:
    return value if isinstance(value, dict) else {}
