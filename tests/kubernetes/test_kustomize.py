"""The overlay, put through Kustomize: what it changes, and that nothing is left out."""

import re
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.kubernetes import rendered

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="no kubectl, which has Kustomize in it (tests/install-kubectl)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the shop's files, with the Secret that a user would have filled in."""
    out = tmp_path_factory.mktemp("k8s")
    for name, text in rendered.files(rendered.SHOP).items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    example = out / "overlays" / "example"
    shutil.copy(example / "secrets.env.example", example / "secrets.env")
    return out


def built(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Give what kubectl would apply."""
    run = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in rendered.documents(run.stdout)}


def test_the_base_is_all_documents(folder: Path) -> None:
    """To the letter."""
    assert built(folder / "base") == {
        (one["kind"], one["metadata"]["name"]): one for one in rendered.of_base(rendered.SHOP)
    }


def test_an_edge_without_a_shell_waits_by_the_patch_that_the_page_has(folder: Path) -> None:
    """One action stands there, and no other: a cluster refuses two."""
    page = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    [patches] = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "patches:" in block]
    overlay = folder / "overlays" / "no-shell"
    overlay.mkdir()
    text = f"resources: [../../base]\n{dedent(patches)}"
    (overlay / "kustomization.yaml").write_text(text, encoding="utf-8")
    found = built(overlay)["Deployment", "edge"]
    [envoy] = found["spec"]["template"]["spec"]["containers"]
    assert envoy["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}


def test_the_page_labels_a_namespace_for_the_chart_as_the_base_labels_its_own(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^\$ kubectl label namespace shop (.*)$", page, re.MULTILINE)
    labels = built(folder / "base")["Namespace", "shop"]["metadata"]["labels"]
    wanted = {f"{name}={value}" for name, value in labels.items() if name.startswith("pod-security")}
    assert {*line.split()} == wanted


def test_the_overlay_changes_what_it_says(folder: Path) -> None:
    """Images by digest, the Secret under a name of its content, a load balancer, a way out."""
    found = built(folder / "overlays" / "example")
    secrets = [name for kind, name in found if kind == "Secret"]
    assert len(secrets) == 1
    assert secrets[0].startswith("pillion-identity-")
    identity = found["Deployment", "identity"]["spec"]["template"]["spec"]
    for container in [*identity["initContainers"], *identity["containers"]]:
        assert container["image"].startswith("registry.example/")
        assert "@sha256:" in container["image"]
        taken = [each["valueFrom"] for each in container.get("env", ()) if "valueFrom" in each]
        assert {each["secretKeyRef"]["name"] for each in taken if "secretKeyRef" in each} <= {secrets[0]}
    assert found["Service", "edge"]["spec"]["type"] == "LoadBalancer"
    assert found["Service", "edge"]["spec"]["ports"]
    assert any(kind == "NetworkPolicy" and name.endswith("-database") for kind, name in found)


def test_monitoring_can_be_added(folder: Path) -> None:
    """As a component, so that a cluster without Prometheus' operator takes the rest."""
    overlay = folder / "overlays" / "monitored"
    overlay.mkdir(exist_ok=True)
    overlay.joinpath("kustomization.yaml").write_text(
        "resources: [../../base]\ncomponents: [../../components/monitoring]\n", encoding="utf-8"
    )
    assert ("PodMonitor", "pillion-services") in built(overlay)
