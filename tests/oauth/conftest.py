"""One running mesh with an echo service, and what a program is to the tests."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge import edge_mesh
from tests.edge.edge_mesh import EdgeMesh
from tests.oauth.program import HERE


@pytest.fixture(scope="package")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeMesh]:
    """Run the mesh."""
    with edge_mesh.running(tmp_path_factory.mktemp("oauth") / "mesh") as started:
        yield started


@pytest.fixture
def node() -> Any:
    """Give what runs a script of this folder and reads the JSON that it prints."""
    found = shutil.which("node")
    if found is None or not (HERE / "node_modules" / "openid-client").exists():
        pytest.skip("no clients in JavaScript: install Node.js with npm, and run tests/install-clients")

    def run(script: str, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(found), "--no-warnings", str(Path(HERE) / script), *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    return run
