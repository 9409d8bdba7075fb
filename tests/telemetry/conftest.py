"""A mesh that tells everything: its metrics, and spans and logs to a collector."""

from collections.abc import Iterator

import pytest

from tests import mesh
from tests.edge.edge_mesh import FILES, USER
from tests.mesh import Mesh
from tests.system.shop import add_user
from tests.telemetry import collector
from tests.telemetry.collector import Collector


@pytest.fixture(scope="package")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mesh, Collector, int]]:
    """Give the mesh, the collector, and the port of the metrics."""
    listen, app, otlp, metrics = mesh.free_ports(4)
    topology = f"""
mesh: proof
edge: {{listen: 127.0.0.1:{listen}}}
telemetry:
  otlp: http://127.0.0.1:{otlp}
  metrics: 127.0.0.1:{metrics}
services:
  echo: {{app: 127.0.0.1:{app}, run: python service.py, paths: [/api]}}
"""
    folder = tmp_path_factory.mktemp("telling") / "mesh"
    with collector.listening(otlp) as there, mesh.running(folder, topology, FILES) as started:
        add_user(started, USER)
        yield started, there, metrics
