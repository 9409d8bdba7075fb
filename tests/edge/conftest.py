"""One running mesh for all tests of the edge that do not need one of their own."""

from collections.abc import Iterator

import pytest

from tests.edge import edge_mesh
from tests.edge.edge_mesh import EdgeMesh


@pytest.fixture(scope="package")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeMesh]:
    """Give the running mesh; who stops a part of it starts it again."""
    with edge_mesh.running(
        tmp_path_factory.mktemp("edge") / "mesh", f"allow_origins: [{edge_mesh.FRONTEND}]"
    ) as started:
        yield started
