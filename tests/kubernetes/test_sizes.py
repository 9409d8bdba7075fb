"""What an object holds in a cluster, 1 MiB: an edge has several ConfigMaps; beyond that nothing is rendered."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from pillion import yaml_writer
from pillion.cli.render_kubernetes import command
from pillion.kubernetes import edge, pods, side_by_side
from pillion.kubernetes.files import manifests, render
from pillion.yaml_writer import Kept
from tests.kubernetes import rendered


def test_an_edge_has_its_files_in_several_config_maps_and_in_one_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each file once; the small ones together, where certificates are looked for as well."""
    [whole] = [
        one
        for one in rendered.of_kind(rendered.SHOP, "ConfigMap")
        if one["metadata"]["name"] == "pillion-edge"
    ]
    monkeypatch.setattr(pods, "CONFIG_MAP_BYTES", pods.size(whole) - 1)
    monkeypatch.setattr(edge, "_LONG", 10_000)
    documents = manifests(rendered.topology(rendered.SHOP)).base["edge.yaml"].documents
    held = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    assert {name: [*data] for name, data in held.items()} == {
        "pillion-edge": ["bootstrap.yaml", "svid.json", "trust.json"],
        "pillion-edge-edge.routes.yaml": ["edge.routes.yaml"],
        "pillion-edge-listeners.yaml": ["listeners.yaml"],
        "pillion-edge-clusters.yaml": ["clusters.yaml"],
    }
    assert {name: text for data in held.values() for name, text in data.items()} == whole["data"]
    [deployment] = [one for one in documents if one["kind"] == "Deployment"]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    shown = volumes["pillion-envoy"]["projected"]["sources"]
    assert [source["configMap"]["name"] for source in shown] == [*held]


def test_what_no_cluster_takes_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused half way through an apply."""
    monkeypatch.setattr(pods, "CONFIG_MAP_BYTES", 20_000)
    run = CliRunner().invoke(command, ["-f", str(rendered.SHOP), "-o", str(tmp_path / "k8s")])
    assert run.exit_code == 2
    assert "the ConfigMap pillion-identity would have" in run.stderr
    assert "20,000" in run.stderr
    assert not (tmp_path / "k8s").exists()


def test_short_yaml_says_the_same() -> None:
    """What is kept stands there once, in itself too; and every reader of YAML finds it everywhere."""
    inner = Kept({"a": [1, "two\nlines\n"], "b": {}})
    outer = Kept({"inner": inner, "again": [inner, {"inner": inner}], "once": Kept({"x": "y"})})
    said = {
        "first": inner,
        "list": [outer, "text", {"outer": outer, "more": [inner]}],
        "last": {"deep": outer},
    }
    short = yaml_writer.document(said, short=True)
    assert short.count("two") == 1
    assert short.count("x:") == 1
    for text in (short, yaml_writer.document(said)):
        assert YAML(typ="safe", pure=True).load(text) == said


def test_many_processes_write_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same order."""
    one = render(manifests(rendered.topology(rendered.SHOP)))
    monkeypatch.setattr(side_by_side, "_MANY", 0)
    several = render(manifests(rendered.topology(rendered.SHOP)))
    assert [*several.items()] == [*one.items()]
