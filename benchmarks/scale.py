"""A thousand services: what their manifests take to render and to hold, and what control takes with their Envoys.

`python -m benchmarks.scale` renders, then runs `benchmarks.scale_control`; `--render` does the first alone.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from benchmarks import scale_control

SERVICES: Final = 1_000
REPLICAS: Final = 3
# Each calls so many others, and the one in so many that is reached from the edge has a path of its own.
CALLS: Final = 5
INSIDE: Final = 2
SOME: Final = 100
_FIRST_PORT: Final = 10_000


@dataclass(frozen=True)
class Rendered:
    """What came of one topology: seconds by the clock and of CPU, and the files of base/."""

    services: int
    seconds: float
    cpu_seconds: float
    memory_mb: float
    files: dict[str, str]


def topology(services: int) -> str:
    """Write a mesh of so many services, each of which calls the next ones."""
    return "".join(("mesh: bench\nedge: {origin: https://bench.example}\nservices:\n", *_services(services)))


def _services(count: int) -> Iterator[str]:
    for number in range(count):
        name = f"s{number}"
        calls = ", ".join(f"s{(number + step) % count}" for step in range(1, CALLS + 1))
        paths = "" if number % INSIDE else f", paths: [/api/{name}]"
        yield (
            f"  {name}: {{app: 127.0.0.1:{_FIRST_PORT + number}, image: registry.example/bench/{name}:1, "
            f"calls: [{calls}]{paths}, rules: [{{path: /api/{name}/admin, roles: [manager]}}]}}\n"
        )


def render(services: int) -> Rendered:
    """Run `pillion render kubernetes`, as a user would."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pillion.yaml").write_text(topology(services), encoding="utf-8")
        used, began = _children_cpu(), time.monotonic()
        pillion = [sys.executable, "-c", "from pillion.cli import main; main()"]
        subprocess.run(
            [*pillion, "render", "kubernetes", "-o", "k8s"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - began
        base = folder / "k8s/base"
        files = {str(path.relative_to(base)): path.read_text("utf-8") for path in base.rglob("*.yaml")}
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return Rendered(services, seconds, _children_cpu() - used, memory, files)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report_manifests() -> None:
    """Render twice as often as is needed to see whether time grows with the services; print tables."""
    print("\n| services | s to render | CPU s | most memory, MB | objects | MB of manifests |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for services in (SOME, SERVICES):
        made = render(services)
        objects = sum(text.count("\nkind: ") for text in made.files.values())
        megabytes = sum(map(len, made.files.values())) / 1e6
        print(
            f"| {services:,} | {made.seconds:.1f} | {made.cpu_seconds:.1f} | {made.memory_mb:.0f} "
            f"| {objects:,} | {megabytes:.1f} |",
            flush=True,
        )
    _print_sizes(made)


def _print_sizes(made: Rendered) -> None:
    """Say what the cluster's API holds for a service, and how far the largest object is from what etcd takes."""
    of_services = {path: text for path, text in made.files.items() if path.startswith("services/")}
    kilobytes = statistics.median(len(text) for text in of_services.values()) / 1e3
    maps = {path: _largest_map(made.files[path]) for path in ("edge.yaml", "mesh.yaml", min(of_services))}
    print(f"\nA service: {kilobytes:.1f} KB of manifests. Of ConfigMaps the largest in each file:")
    for path, (name, size) in maps.items():
        print(f"  {path}: {name}, {size / 1e3:.1f} KB")


def _largest_map(text: str) -> tuple[str, int]:
    documents: list[dict[str, Any]] = [*YAML(typ="safe").load_all(text)]
    maps = [document for document in documents if document["kind"] == "ConfigMap"]
    sizes = {each["metadata"]["name"]: sum(map(len, each.get("data", {}).values())) for each in maps}
    return max(sizes.items(), key=lambda item: item[1])


def main() -> None:
    """Measure; the table of control takes some minutes."""
    report_manifests()
    if "--render" not in sys.argv[1:]:
        scale_control.allow_files()
        scale_control.report(SERVICES * REPLICAS)


if __name__ == "__main__":
    main()
