"""The project as it is written: valid, without a right or a way too many, and without a secret."""

import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from pillion.cli.render_compose import command
from pillion.compose import files as compose
from pillion.plan import in_containers
from pillion.topology import load
from tests.compose import project
from tests.compose.project import MissingError
from tests.compose.running import HERE, SHOP
from tests.kubernetes.rendered import TOPOLOGIES

_ALL: Final = [SHOP, *TOPOLOGIES]
_GOLDEN: Final = HERE / "golden"


class _Anything(dict[str, str]):
    """Has a value for every variable."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - as dict has it
        return "x1" if name.endswith(("_IMAGE", "PASSWORD")) and not name.startswith("PILLION_") else "x"


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    """Render the shop."""
    return compose.render(load(SHOP, {}))


def described(file: Path) -> dict[str, Any]:
    """Read compose.yaml as Compose would."""
    return project.parsed(compose.project(load(file, {})), _Anything())


@pytest.mark.parametrize("file", _ALL, ids=lambda file: file.parent.name)
def test_it_is_a_project_by_the_specification(file: Path) -> None:
    compose_spec = pytest.importorskip("compose_spec")
    text = project.interpolated(compose.project(load(file, {})), _Anything())
    parsed = compose_spec.PyCompose.from_yaml(text)
    parsed.validate()
    assert len(parsed.service_names()) > 8


@pytest.mark.parametrize("file", _ALL, ids=lambda file: file.parent.name)
def test_no_container_has_a_right_and_only_the_edge_a_port(file: Path) -> None:
    services = described(file)["services"]
    for name, one in services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in one, name
        assert ("mem_limit" in one and "pids_limit" in one) or name in {"pillion_database", *_apps(services)}
        assert not any("docker.sock" in str(mount) for mount in one.get("volumes", ())), name
    assert [name for name, one in services.items() if "ports" in one] == ["edge"]


@pytest.mark.parametrize("file", _ALL, ids=lambda file: file.parent.name)
def test_two_workloads_share_a_network_when_one_may_call_the_other(file: Path) -> None:
    parsed = described(file)
    plan = in_containers(load(file, {}))
    assert plan.pods is not None
    ids = {spiffe_id: name for name, spiffe_id in plan.spiffe_ids.items()}
    wanted = {frozenset((ids[caller], one.service)) for one in plan.sidecars for caller in one.callers}
    wanted |= {
        frozenset((ids[caller], "identity")) for caller in (plan.edge.spiffe_id, *plan.pods.token_callers)
    }
    wanted |= {frozenset((ids[caller], "control")) for caller in plan.pods.stream_callers}
    holders = {"edge": "edge", "identity": "identity_sidecar", "control": "control_sidecar"}
    of = {
        name: {*parsed["services"][holders.get(name, f"{name}_pod")]["networks"]} for name in plan.spiffe_ids
    }
    shared = {frozenset(pair) for pair in combinations(of, 2) if of[pair[0]] & of[pair[1]]}
    assert shared == wanted
    for network, how in parsed["networks"].items():
        outside = network == "edge_public" or network.endswith("_outside")
        assert bool(how.get("internal")) is not outside, network
        members = [name for name, one in parsed["services"].items() if network in one.get("networks", {})]
        assert len(members) <= 2 or network == "identity_database", network
        if outside:
            assert {*members} <= {"edge", "identity", "identity_prepare", "control"}


def test_a_secret_stays_a_variable_without_which_nothing_starts(files: Mapping[str, str]) -> None:
    given = {"PILLION_MASTER_KEY": "k", "PILLION_DATABASE_PASSWORD": "p", "INVENTORY_IMAGE": "i"}
    read = project.parsed(files["compose.yaml"], given)
    url = read["services"]["identity"]["environment"]["DATABASE_URL"]
    assert url == "postgresql://pillion:p@database/pillion"
    for name in given:
        with pytest.raises(MissingError, match=name):
            project.parsed(files["compose.yaml"], given | {name: ""})
    assert {*re.findall(r"(?m)^([A-Z_]+)=$", files[".env.example"])} == {*given}


def test_a_database_elsewhere_is_reached_and_there_is_none_here(tmp_path: Path) -> None:
    file = tmp_path / "pillion.yaml"
    written = SHOP.read_text().replace(
        "  sign_up: open", "  sign_up: open\n  database: postgresql://pillion:secret@db.example/pillion"
    )
    file.write_text(written)
    parsed = described(file)
    assert "pillion_database" not in parsed["services"]
    assert [*parsed["services"]["identity"]["networks"]] == ["identity_outside"]
    assert [*parsed["services"]["control"]["networks"]] == ["control_outside"]


def test_it_is_as_a_reviewer_has_seen_it(files: Mapping[str, str]) -> None:
    assert files["compose.yaml"] == compose.project(load(SHOP, {}))
    for name in ("compose.yaml", ".env.example"):
        assert files[name] == (_GOLDEN / name).read_text(), "make goldens, and look at the difference"


def test_the_command_writes_anew_what_is_new_and_leaves_the_rest(tmp_path: Path) -> None:
    file, out = tmp_path / "pillion.yaml", tmp_path / "out"
    file.write_text(SHOP.read_text())
    runner = CliRunner()
    first = runner.invoke(command, ["-f", str(file), "-o", str(out)])
    assert first.exit_code == 0, first.output
    assert oct((out / "envoy" / "orders" / "listeners.yaml").stat().st_mode)[-3:] == "644"
    (out / ".env").write_text("PILLION_MASTER_KEY=k\n")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    file.write_text(SHOP.read_text().replace("roles: [manager]", "roles: [owner]"))
    assert runner.invoke(command, ["-f", str(file), "-o", str(out)]).exit_code == 0
    changed = {str(path.relative_to(out)) for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed == {"envoy/orders/inbound.routes.yaml"}


def test_the_command_leaves_somebody_elses_project_alone(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    said = CliRunner().invoke(command, ["-f", str(SHOP), "-o", str(tmp_path)])
    assert said.exit_code == 1
    assert "was not written by this command" in said.output
    assert (tmp_path / "compose.yaml").read_text() == "services: {}\n"


def _apps(services: dict[str, Any]) -> set[str]:
    return {name.removesuffix("_pod") for name in services if name.endswith("_pod")}


def write_anew() -> None:
    """Replace the golden files by what is rendered now (`make goldens`)."""
    _GOLDEN.mkdir(exist_ok=True)
    files = compose.render(load(SHOP, {}))
    for name in ("compose.yaml", ".env.example"):
        (_GOLDEN / name).write_text(files[name])


if __name__ == "__main__":
    write_anew()
