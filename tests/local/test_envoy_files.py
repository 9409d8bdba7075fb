"""The Envoys' files are compiled when something has changed, and only then."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pillion.envoy import names
from pillion.local import envoy_files, workloads
from pillion.local.envoy_files import EnvoyFiles
from pillion.local.folder import IDENTITY_SOCKET, StateFolder
from pillion.plan import UnixSocket, assign, build
from tests.local.topologies import shop


def write(folder: Path, **services: object) -> None:
    topology = shop(**services)
    plan = build(topology, assign(topology), UnixSocket(path="run/identity.sock"))

    async def run() -> None:
        await EnvoyFiles(folder, plan).write()

    asyncio.run(run())


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count the compilations; the compiler itself is put aside, its tests are elsewhere."""
    calls: list[Any] = []

    def structure(plan: Any) -> dict[str, str]:
        calls.append(plan)
        return {f"{sidecar.service}/listeners.yaml": "closed" for sidecar in plan.sidecars}

    monkeypatch.setattr(envoy_files, "_structure", structure)
    (tmp_path / "unrelated").write_text("", encoding="utf-8")
    return calls


def test_a_start_that_changes_nothing_compiles_nothing(tmp_path: Path, compiled: list[Any]) -> None:
    write(tmp_path)
    write(tmp_path)
    assert len(compiled) == 1


def test_what_control_writes_there_stays(tmp_path: Path, compiled: list[Any]) -> None:
    known = tmp_path / names.JWKS_FILE
    known.parent.mkdir()
    known.write_text("{}", encoding="utf-8")
    write(tmp_path)
    write(tmp_path, orders={"app": "127.0.0.1:7001"})
    assert len(compiled) == 2
    assert known.is_file()


def test_a_file_that_somebody_changed_is_not_trusted(tmp_path: Path, compiled: list[Any]) -> None:
    write(tmp_path)
    (tmp_path / "orders" / "listeners.yaml").write_text("open to all", encoding="utf-8")
    write(tmp_path)
    assert len(compiled) == 2
    assert "open" not in (tmp_path / "orders" / "listeners.yaml").read_text(encoding="utf-8")


def test_the_files_of_a_service_that_is_no_more_are_taken_away(tmp_path: Path, compiled: list[Any]) -> None:
    write(tmp_path)
    write(tmp_path, orders={"app": "127.0.0.1:7001"})
    assert not (tmp_path / "inventory").exists()
    assert len(compiled) == 2


def test_the_names_here_are_those_that_the_compiler_uses(tmp_path: Path) -> None:
    machine = workloads.Machine(tmp_path / "pillion.yaml", StateFolder(tmp_path), {}, b"key")
    topology = shop()
    plan = build(topology, assign(topology), IDENTITY_SOCKET)
    for spec in (workloads.edge(machine, plan), *workloads.sidecars(machine, plan)):
        assert spec.command is not None
        assert spec.sockets[0] == tmp_path / names.admin_socket(spec.name)
        assert f"{names.folder_of(spec.name)}/{names.BOOTSTRAP_FILE}" in spec.command.words
