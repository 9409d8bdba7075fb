"""The golden cases: a topology, and the folder that it compiles to.

`python -m tests.goldens.compiled` (`make goldens`) writes the folders anew; the difference is for a reviewer.
"""

import copy
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pillion import plan
from pillion.envoy.files import render
from pillion.topology import load

HERE = Path(__file__).parent
CASES = sorted(folder.parent for folder in HERE.glob("cases/*/pillion.yaml"))
JWKS = json.loads((HERE / "jwks.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Compiled:
    """One case: the plan, and the files' text by path."""

    plan: plan.Plan
    files: dict[str, str]


@cache
def planned(case: Path) -> plan.Plan:
    """Plan a case's topology."""
    topology = load(case / "pillion.yaml", {})
    return plan.build(topology, plan.assign(topology), plan.UnixSocket(path="run/identity.sock"))


@cache
def compile_case(case: Path) -> Compiled:
    """Compile a case's topology with the keys that all cases share."""
    return Compiled(planned(case), render(planned(case), JWKS))


@cache
def written(case: Path) -> dict[str, str]:
    """Read the folder that the repository holds for a case."""
    folder = case / "envoy"
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@cache
def resources(text: str) -> list[dict[str, Any]]:
    """Parse a file of resources."""
    found: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(text)["resources"]
    return found


def listeners(workload: str, files: dict[str, str]) -> list[dict[str, Any]]:
    """Give an Envoy's listeners, the routes that each reads from a file where they could stand by themselves."""
    found = copy.deepcopy(resources(files[f"{workload}/listeners.yaml"]))
    for listener in found:
        for chain in listener["filter_chains"]:
            for entry in chain["filters"]:
                manager = entry["typed_config"]
                name = manager.pop("rds")["route_config_name"]
                (routes,) = resources(files[f"{workload}/{name}.routes.yaml"])
                manager["route_config"] = {key: value for key, value in routes.items() if key != "@type"}
    return found


def write_anew() -> None:
    """Replace every case's folder by what the compiler gives now."""
    for case in CASES:
        shutil.rmtree(case / "envoy", ignore_errors=True)
        for name, text in compile_case(case).files.items():
            target = case / "envoy" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_anew()
