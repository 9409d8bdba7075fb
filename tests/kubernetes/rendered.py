"""What the tests look at: the manifests of the shop and of the goldens' topologies.

`python -m tests.kubernetes.rendered` (`make goldens`) writes the shop's anew; the difference is for a reviewer.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pillion.kubernetes.files import Manifests, manifests, render
from pillion.topology import Topology, load
from tests.goldens.compiled import CASES

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SHOP = HERE / "shop.yaml"
# In a pod no other container has the socket.
TOPOLOGIES = [SHOP, *(case / "pillion.yaml" for case in CASES if case.name != "unix-socket")]


@cache
def topology(file: Path) -> Topology:
    """Read a topology."""
    return load(file, {})


@cache
def made(file: Path) -> Manifests:
    """Work out its documents."""
    return manifests(topology(file))


@cache
def files(file: Path) -> Mapping[str, str]:
    """Write its files."""
    return render(made(file))


def documents(text: str) -> list[dict[str, Any]]:
    """Parse a file of several documents."""
    return [*YAML(typ="safe", pure=True).load_all(text)]


def of_base(file: Path) -> Iterator[dict[str, Any]]:
    """Give all documents that are applied."""
    for each in made(file).base.values():
        yield from each.documents


def of_kind(file: Path, kind: str) -> list[dict[str, Any]]:
    """Give those of a kind."""
    return [document for document in of_base(file) if document["kind"] == kind]


def shown(text: str) -> str:
    """Leave out what is shown elsewhere: in ConfigMaps the content of Envoys' files, and the dashboard."""
    text = re.sub(
        r"(?m)^  (dashboard\.json): \|\n(?:    .*\n)+", r"  \1: (as pillion.monitoring writes it)\n", text
    )
    return re.sub(
        r"(?m)^  ([a-z.]+\.yaml): \|\n(?:(?:    .*)?\n)+", r"  \1: (as render_pod writes it)\n", text
    )


def write_anew() -> None:
    """Replace the golden files by what is rendered now."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for name, text in files(SHOP).items():
        target = GOLDEN / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(shown(text), encoding="utf-8")


if __name__ == "__main__":
    write_anew()
