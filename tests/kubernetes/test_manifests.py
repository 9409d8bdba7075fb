"""What is rendered: golden for the shop, right by Kubernetes' schemas, and without what it must not have."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner

from pillion.cli.render_kubernetes import command
from pillion.envoy.known import NO_KEY
from pillion.kubernetes.text import manifest
from tests.kubernetes import rendered, schemas
from tests.kubernetes.test_network_policies import every_topology

# What cert-manager's and Prometheus' operator's documentation says must be there, and all that is used of it.
CUSTOM: dict[str, tuple[set[str], set[str]]] = {
    "Issuer": (set(), {"selfSigned", "ca"}),
    "Certificate": (
        {"secretName", "issuerRef"},
        {
            "isCA",
            "commonName",
            "duration",
            "renewBefore",
            "privateKey",
            "uris",
            "dnsNames",
            "usages",
            "revisionHistoryLimit",
        },
    ),
    "PodMonitor": ({"selector", "podMetricsEndpoints"}, set()),
}


def test_the_shop_is_rendered_as_the_repository_holds_it() -> None:
    """`make goldens` writes it anew."""
    golden = {
        str(path.relative_to(rendered.GOLDEN)): path.read_text(encoding="utf-8")
        for path in rendered.GOLDEN.rglob("*")
        if path.is_file()
    }
    assert {name: rendered.shown(text) for name, text in rendered.files(rendered.SHOP).items()} == golden


@every_topology
def test_what_is_written_is_what_was_meant(file: Path) -> None:
    """Another reader of YAML finds the same documents in the text, to the letter."""
    for name, each in rendered.made(file).base.items():
        assert rendered.documents(rendered.files(file)[f"base/{name}"]) == each.documents


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "on",
            "No",
            "~",
            "null",
            "1",
            "1.5",
            "0x1f",
            "1e3",
            "12:30",
            "2001-01-01",
            "-",
            "a: b",
            "a #b",
            "#",
        ),
        *(
            "a\n",
            "a\n\n",
            "\na",
            " a\nb",
            "a\n  b\n\nc",
            "a\r\nb\n",
            "a\tb\nc",
            "é\n\u2028\n",
            "{{ x }}",
            "'\"\\",
        ),
        *(
            "- a",
            "? a",
            "!a",
            "&a",
            "*a",
            "%a",
            "@a",
            "`a",
            "|\n",
            "a:",
            "a:b",
            "=",
            "<<",
            ".5",
            "+1",
            "a\x00b\n",
        ),
    ],
)
def test_a_text_is_read_as_it_was_meant(text: str) -> None:
    """Whatever stands in it; by YAML 1.2, and by the 1.1 that Kubernetes' reader takes."""
    document = {"key": text, "list": [text, {"a": text, "b": [text]}], text or "empty": 1}
    written = manifest([document], "a comment")
    assert rendered.documents(written) == [document]
    assert rendered.documents(f"%YAML 1.1\n---\n{written}") == [document]


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_every_document_is_right_by_the_schemas_of(version: str) -> None:
    """Strictly: a key that the schema does not name is an error."""
    for file in rendered.TOPOLOGIES:
        for document in rendered.of_base(file):
            if document["kind"] not in CUSTOM:
                schemas.validate(document, version)


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_a_key_that_a_schema_does_not_name_is_found(version: str) -> None:
    """In a container too, which is in another file of schemas than the Deployment."""
    deployment = deepcopy(rendered.of_kind(rendered.SHOP, "Deployment")[0])
    containers(deployment)[0]["imagePullpolicy"] = "Always"
    with pytest.raises(jsonschema_rs.ValidationError, match="imagePullpolicy"):
        schemas.validate(deployment, version)


@every_topology
def test_documents_of_other_projects_have_what_they_need(file: Path) -> None:
    """Nothing that their documentation does not name, so that no mistyped key is passed over."""
    found = [*rendered.of_base(file), *rendered.made(file).monitoring]
    for document in found:
        if document["kind"] in CUSTOM:
            needed, allowed = CUSTOM[document["kind"]]
            assert needed <= set(document["spec"]) <= needed | allowed, document["metadata"]["name"]


def containers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Give all containers of a Deployment."""
    spec = document["spec"]["template"]["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


@every_topology
def test_no_container_has_a_right_that_it_does_not_need(file: Path) -> None:
    """Not even to write to its own root file system; and nobody has a token for the cluster's API but control."""
    for document in rendered.of_kind(file, "Deployment"):
        assert document["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
        for container in containers(document):
            context = container["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            token = [mount for mount in container["volumeMounts"] if mount["name"] == "pillion-token"]
            assert bool(token) == (container["name"] == "control")


@every_topology
def test_all_that_pods_mount_and_take_is_there_or_named_as_the_users(file: Path) -> None:
    """A ConfigMap that does not exist leaves a pod waiting for ever."""
    documents = [*rendered.of_base(file)]
    maps = {one["metadata"]["name"] for one in documents if one["kind"] == "ConfigMap"} | {"kube-root-ca.crt"}
    secrets = {one["spec"]["secretName"] for one in documents if one["kind"] == "Certificate"}
    theirs = {"pillion-identity", "pillion-edge-tls", "pillion-identity-files"}
    written = json.dumps([one for one in documents if one["kind"] == "Deployment"])
    assert set(re.findall(r'"configMap": \{"name": "([^"]+)"', written)) <= maps
    assert set(re.findall(r'"secret(?:Name)?": (?:\{"name": )?"([^"]+)"', written)) <= secrets | theirs
    for document in documents:
        if document["kind"] == "Deployment":
            spec = document["spec"]["template"]["spec"]
            volumes = {volume["name"] for volume in spec["volumes"]}
            for container in containers(document):
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@every_topology
def test_services_lead_to_the_port_of_mtls_and_to_no_other(file: Path) -> None:
    """Each without an address of its own, so that every pod behind it is seen; the edge's alone has one."""
    for document in rendered.of_kind(file, "Service"):
        spec = document["spec"]
        if document["metadata"]["name"] == "edge":
            assert [port["targetPort"] for port in spec["ports"]] == [
                rendered.topology(file).edge.listen.port
            ]
        elif document["metadata"]["name"] != "pillion-webhook":
            assert spec["clusterIP"] == "None"
            assert [port["targetPort"] for port in spec["ports"]] == [15001]


def test_what_control_wrote_is_in_no_manifest() -> None:
    """So no apply takes it away; and in its place an Envoy finds what lets nobody in."""
    maps = {one["metadata"]["name"]: one for one in rendered.of_kind(rendered.SHOP, "ConfigMap")}
    assert "data" not in maps["pillion-known"]
    assert json.loads(maps["pillion-known-seed"]["data"]["jwks.json"]) == {"keys": [NO_KEY]}


def test_no_object_holds_more_than_a_cluster_takes() -> None:
    """A ConfigMap holds 1 MiB."""
    for file in rendered.TOPOLOGIES:
        for document in rendered.of_kind(file, "ConfigMap"):
            assert sum(len(text.encode()) for text in document.get("data", {}).values()) < 2**20


@pytest.mark.parametrize(
    "words", [("--namespace", "Shop_1"), ("--namespace", ""), ("--cluster-domain", "a..b")]
)
def test_a_name_that_kubernetes_does_not_take_is_refused(words: tuple[str, str], tmp_path: Path) -> None:
    """Before the cluster does, for every document."""
    run = CliRunner().invoke(command, ["-f", str(rendered.SHOP), "-o", str(tmp_path / "k8s"), *words])
    assert run.exit_code == 2
    assert f"'{words[1]}' is no name that Kubernetes takes" in run.stderr
    assert not (tmp_path / "k8s").exists()


def test_images_of_a_registry_are_fetched_from_there() -> None:
    """By digest; those without one from the user's own."""
    text = rendered.files(rendered.SHOP)["overlays/example/kustomization.yaml"]
    assert re.findall(r"- name: (\S+)\n(?:  newName: (\S+)\n)?  digest: sha256:0", text)[:3] == [
        ("pillion", "registry.example/pillion"),
        ("envoyproxy/envoy", "registry.example/envoyproxy/envoy"),
        ("registry.example/shop-catalog", ""),
    ]
