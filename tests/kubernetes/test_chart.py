"""The Helm chart, put through Helm's own engine: it gives what is in base/, to the letter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pillion import yaml_writer
from tests.kubernetes import rendered
from tests.kubernetes.test_network_policies import every_topology

helm = pytest.importorskip("helm_python", reason="Helm's engine has no wheel for this platform")


def templated(
    file: Path, folder: Path, values: Mapping[str, Any], namespace: str | None = None
) -> list[dict[str, Any]]:
    """Write the chart of a topology, and have Helm fill it in."""
    for name, text in rendered.files(file).items():
        if name.startswith("chart/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    mesh = rendered.topology(file).mesh
    with helm.Chart.load(str(folder / "chart")) as chart:
        made = chart.render(dict(values), name=mesh, namespace=namespace or mesh)
    return [document for text in made.values() for document in rendered.documents(text) if document]


def by_name(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Put documents where they are found."""
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


@every_topology
def test_the_chart_is_what_kustomize_has(file: Path, tmp_path: Path) -> None:
    """With nothing said, but for the namespace, which Helm needs before all else."""
    base = [one for one in rendered.of_base(file) if one["kind"] != "Namespace"]
    assert by_name(templated(file, tmp_path, {})) == by_name(base)


def test_a_value_changes_its_place_and_nothing_else(tmp_path: Path) -> None:
    """Images, replicas, the edge's Service."""
    images = {"envoy": "registry.example/envoy@sha256:0", "pillion": "registry.example/pillion:1"}
    values = {
        "images": images,
        "identity": {"replicas": 5},
        "edge": {"minReplicas": 3, "serviceType": "LoadBalancer"},
        "monitoring": True,
    }
    found = by_name(templated(rendered.SHOP, tmp_path, values))
    identity = found.pop(("Deployment", "identity"))
    pod = identity["spec"]["template"]["spec"]
    assert identity["spec"]["replicas"] == 5
    assert {one["image"] for one in pod["initContainers"] + pod["containers"]} == {*images.values()}
    assert found.pop(("HorizontalPodAutoscaler", "edge"))["spec"]["minReplicas"] == 3
    assert found.pop(("Service", "edge"))["spec"]["type"] == "LoadBalancer"
    before = by_name([*rendered.of_base(rendered.SHOP), *rendered.made(rendered.SHOP).monitoring])
    others = {key: one for key, one in found.items() if key[0] != "Deployment"}
    assert others == {key: before[key] for key in others}
    assert ("PodMonitor", "pillion-services") in others


def test_helm_refuses_another_namespace(tmp_path: Path) -> None:
    """The Envoys look for each other in the one that was rendered for."""
    with pytest.raises(helm.HelmError, match="this mesh is for the namespace shop"):
        templated(rendered.SHOP, tmp_path, {}, namespace="default")


def test_what_looks_like_a_template_is_given_back(tmp_path: Path) -> None:
    """In a text of a ConfigMap, for instance."""
    from pillion.kubernetes.chart import files, template  # noqa: PLC0415

    strange = "a {{ .Values.x }} {{{{`}}\n{{- fail `no` }}\n"
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
        "data": {"a": strange, "b": "{{x}}"},
    }
    cluster = rendered.made(rendered.SHOP).cluster
    templates = {"x.yaml": template([(document, yaml_writer.document(document))], "made")}
    for name, text in files(cluster, templates, [], "made").items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    with helm.Chart.load(str(tmp_path / "chart")) as chart:
        made = chart.render({}, name="shop", namespace="shop")
    assert rendered.documents(made["shop/templates/x.yaml"]) == [document]
