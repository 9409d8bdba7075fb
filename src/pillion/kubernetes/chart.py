"""The same documents as a Helm chart: what is in base/ to the letter, but for a few places that take a value.

There is no second source that could say something else: the templates are the documents, and the values' defaults
what stands in them. What looks like a template inside them (`{{`) is written so that Helm gives it back.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from pillion import yaml_writer
from pillion.kubernetes.containers import ENVOY_IMAGE
from pillion.kubernetes.names import COMPONENTS, EDGE, PROGRAM_IMAGE, Cluster
from pillion.kubernetes.text import Raw, joined, manifest

Documents = list[dict[str, Any]]
# Where a value stands in values.yaml, and what it is when nobody says otherwise.
Values = dict[tuple[str, ...], Any]

_VALUES: Final = (
    "{made}\nWhat may differ from one cluster to another: helm install NAME chart --values YOURS.yaml"
)


class Template(NamedTuple):
    """A file of base/ as a template, and the values that it takes."""

    text: str
    values: Values


def template(written: Iterable[tuple[dict[str, Any], str]], made: str) -> Template:
    """Make one of documents, each with its text; `made` is the comment that leads the file.

    The namespace is left to `helm install --create-namespace`: Helm keeps its own notes in it before all else.
    """
    values: Values = {}
    there = [(manifest, text) for manifest, text in written if manifest["kind"] != "Namespace"]
    return Template(joined([_template(*each, values) for each in there], made), values)


def files(
    cluster: Cluster, templates: Mapping[str, Template], monitoring: Documents, made: str
) -> dict[str, str]:
    """Give the chart's files, with the `templates` by their paths in base/."""
    values: Values = {("monitoring",): False}
    for each in templates.values():
        values |= each.values
    prometheus = joined([_verbatim(yaml_writer.document(each)) for each in monitoring], made)
    return {
        "chart/Chart.yaml": manifest([_chart(cluster)], made),
        "chart/values.yaml": manifest([_nested(values)], _VALUES.format(made=made)),
        "chart/templates/namespace.yaml": _namespace_check(cluster, made),
        "chart/templates/monitoring.yaml": _only_if("monitoring", prometheus, made),
        **{f"chart/templates/{path}": each.text for path, each in templates.items()},
    }


def _chart(cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": cluster.mesh,
        "description": f"The mesh {cluster.mesh}: its edge, identity, control and services",
        "type": "application",
        "version": version("pillion"),
        "appVersion": version("pillion"),
        # Sidecars that Kubernetes starts and ends in order, and a pause before a container ends.
        "kubeVersion": ">=1.30.0-0",
    }


def _namespace_check(cluster: Cluster, made: str) -> str:
    """Have Helm refuse another namespace: the Envoys look for each other in this one."""
    return (
        f"# {made}\n"
        f'{{{{- if ne .Release.Namespace "{cluster.namespace}" }}}}\n'
        f'{{{{- fail "this mesh is for the namespace {cluster.namespace}: render it anew for another" }}}}\n'
        "{{- end }}\n"
    )


def _only_if(value: str, text: str, made: str) -> str:
    return f"# {made}\n{{{{- if .Values.{value} }}}}\n{text}{{{{- end }}}}\n"


def _template(manifest: dict[str, Any], text: str, values: Values) -> str:
    """Put values in their places, and note what their defaults are; what has none stays the text that it is."""
    places = dict(_places(manifest))
    if not places:
        return _verbatim(text)
    values |= {name: _at(manifest, path) for path, name in places.items()}
    return yaml_writer.document(_templated(manifest, places))


def _templated(manifest: dict[str, Any], places: Mapping[tuple[Any, ...], tuple[str, ...]]) -> dict[str, Any]:
    written: dict[str, Any] = _escaped(manifest)
    for path, name in places.items():
        *way, last = path
        inside: Any = written
        for step in way:
            inside = inside[step]
        inside[last] = Raw(f"{{{{ {_reference(name)} | toJson }}}}")
    return written


def _places(document: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], tuple[str, ...]]]:
    """Say which places of a document take which values."""
    name = document["metadata"]["name"]
    match document["kind"], name:
        case "HorizontalPodAutoscaler", _:
            yield ("spec", "minReplicas"), (name, "minReplicas")
            yield ("spec", "maxReplicas"), (name, "maxReplicas")
        case "Service", "edge":
            yield ("spec", "type"), (EDGE, "serviceType")
        case "Deployment", _:
            yield from _places_of_pods(document, name)


def _places_of_pods(
    document: Mapping[str, Any], name: str
) -> Iterator[tuple[tuple[Any, ...], tuple[str, ...]]]:
    owner = (name,) if name in COMPONENTS else ("services", name)
    if "replicas" in document["spec"]:
        yield ("spec", "replicas"), (*owner, "replicas")
    pod = ("spec", "template", "spec")
    shared = {PROGRAM_IMAGE: ("images", "pillion"), ENVOY_IMAGE: ("images", "envoy")}
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(_at(document, pod).get(kind, ())):
            yield (*pod, kind, index, "image"), shared.get(container["image"], (*owner, "image"))
            # The webhook is told which image the sidecars have.
            for number, variable in enumerate(container.get("env", ())):
                if variable.get("value") == ENVOY_IMAGE:
                    yield (*pod, kind, index, "env", number, "value"), shared[ENVOY_IMAGE]


def _at(document: Mapping[str, Any], path: tuple[Any, ...]) -> Any:
    found: Any = document
    for step in path:
        found = found[step]
    return found


def _reference(name: tuple[str, ...]) -> str:
    """Name a value to Helm: a service's name may hold a '-', which a dotted path may not."""
    parts = " ".join(f'"{part}"' for part in name)
    return f"index .Values {parts}"


def _escaped(value: Any) -> Any:
    """Copy, with Go's own quotation around what Go would take for a template."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return _verbatim(value) if isinstance(value, str) else value


def _verbatim(text: str) -> str:
    return text.replace("{{", "{{ `{{` }}")


def _nested(values: Values) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for (*way, last), default in sorted(values.items()):
        inside = tree
        for step in way:
            inside = inside.setdefault(step, {})
        inside[last] = default
    return tree
