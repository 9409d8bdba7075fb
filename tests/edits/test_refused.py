"""Edits that cannot be taken up: what is wrong is said, and everything runs on as before."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import mesh as meshes
from tests.cli.echo_mesh import running_in
from tests.edits import edited
from tests.edits.edited import Edited, service
from tests.load import load_that_never_fails
from tests.local.waiting import until

BEFORE = "pillion.yaml: not taken up; everything runs as before"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """Run one mesh for all these tests: none changes it."""
    with edited.running(tmp_path_factory.mktemp("refused") / "mesh") as started:
        yield started


@pytest.fixture
def mesh(lasting: Edited) -> Iterator[Edited]:
    """Give the mesh, and see that it is as it was: its processes, its files, what it says of itself."""
    text, pids, files = lasting.text, lasting.pids(), on_disk(lasting)
    yield lasting
    assert lasting.edit(text)["taken_up"]
    until(lambda: lasting.pids() == pids, "the same processes run")
    assert on_disk(lasting) == files
    assert lasting.mesh.status()["ready"]


def on_disk(mesh: Edited) -> dict[str, str]:
    """Read all that Envoys, identity and control are told."""
    state = mesh.mesh.state
    paths = [*state.glob("envoy/*/*.yaml"), state / "identity.json", state / "control.json"]
    return {str(path.relative_to(state)): path.read_text(encoding="utf-8") for path in paths}


def refused(mesh: Edited, text: str) -> list[str]:
    """Write an edit under load, see it refused, and give what was said."""
    token = mesh.token()
    with load_that_never_fails(mesh.edge, "/x", lambda: token):
        edit: dict[str, Any] = mesh.edit(text)
    assert not edit["taken_up"]
    shown = mesh.mesh.pillion("status")
    assert shown.returncode == 0, "it is ready all the same"
    for line in edit["said"]:
        assert line in shown.stdout
        assert f"│ {line}\n" in mesh.log()
    return list(edit["said"])


def test_mistakes_are_said_with_their_places_as_check_says_them(mesh: Edited) -> None:
    said = refused(mesh, mesh.text.replace("paths: [/x]", "path: [/x]\n    calls: [nobody]"))
    assert said == [
        "pillion.yaml:7:5: services.echo.path: no such key (did you mean 'paths'?)",
        "pillion.yaml:8:13: services.echo.calls[0]: no service is named 'nobody'",
        BEFORE,
    ]


def test_what_is_no_yaml_is_said(mesh: Edited) -> None:
    said = refused(mesh, mesh.text + "  - [")
    assert said[0].startswith("pillion.yaml:8:")
    assert said[-1] == BEFORE


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("mesh: test", "mesh: other", "mesh"),
        ("edge: {listen: 127.0.0.1:", "edge: {listen: 127.0.0.2:", "edge.listen"),
        ("edge: {", "edge: {origin: http://127.0.0.1:1, ", "edge.origin"),
    ],
)
def test_what_only_a_start_takes_up_says_so(mesh: Edited, old: str, new: str, keys: str) -> None:
    """Tokens, cookies and accounts hang on it."""
    said = refused(mesh, mesh.text.replace(old, new))
    assert said == [
        f"{keys} in pillion.yaml: only a start takes this up: 'pillion down', then 'pillion up'",
        BEFORE,
    ]


def test_a_service_that_does_not_start_is_taken_back(mesh: Edited) -> None:
    """With its sidecar, and all that was changed for it."""
    said = refused(mesh, mesh.text + service("stock").replace("echo.py", "-c 'print(\"no stock\"); exit(3)'"))
    assert said[0].startswith("service stock ended at its start (exit code 3)")
    assert "no stock" in " ".join(said)


def test_a_program_that_is_not_there_is_named(mesh: Edited) -> None:
    said = refused(mesh, mesh.text + service("stock").replace("python", "pyhton"))
    assert "services.stock.run in pillion.yaml: there is no program 'pyhton'" in said[0]


def test_a_port_that_another_has_is_named(mesh: Edited) -> None:
    """Also one of our own: a sidecar's."""
    _, _, port = mesh.mesh.workload("echo", "sidecar")["address"].rpartition(":")
    stock = f"  stock: {{app: 127.0.0.1:{port}, run: python echo.py, paths: [/stock]}}\n"
    said = refused(mesh, mesh.text + stock)
    assert f"services.stock.app in pillion.yaml: 127.0.0.1:{port} is in use by envoy" in said[0]


def test_a_replaced_service_that_does_not_start_comes_back(lasting: Edited) -> None:
    """The old one had to make room for it, since both want the same port."""
    before, token, start = lasting.pids(), lasting.token(), lasting.text
    edit = lasting.edit(start.replace("python echo.py", "python -c exit(3)"))
    assert not edit["taken_up"]
    assert edit["said"][0].startswith("service echo ended at its start (exit code 3)")
    until(lambda: lasting.mesh.status()["ready"], "all is ready again")
    assert lasting.served("/x", token)
    assert {name for name, pid in lasting.pids().items() if pid != before[name]} == {"echo service"}
    lasting.edit(start)


def test_a_new_service_that_fails_takes_no_port_with_it(lasting: Edited) -> None:
    """The same edit, corrected, is taken up."""
    start = lasting.text
    [port] = meshes.free_ports(1)
    stock = f"  stock: {{app: 127.0.0.1:{port}, run: RUN, paths: [/stock]}}\n"
    assert not lasting.edit(start + stock.replace("RUN", "python -c exit(3)"))["taken_up"]
    edit = lasting.edit(start + stock.replace("RUN", "python echo.py"))
    assert edit["taken_up"], edit["said"]
    assert lasting.served("/stock", lasting.token())
    assert lasting.edit(start)["taken_up"]


def test_what_was_refused_is_not_taken_up_by_a_command(lasting: Edited) -> None:
    """A command reads the file, too; it must not tell identity what `up` has refused."""
    [port] = meshes.free_ports(1)
    start = lasting.text
    [listen] = [line for line in start.splitlines() if "listen" in line]
    closed = f"identity: {{sign_up: closed}}\n{start}"
    refused(lasting, closed.replace(listen, f"edge: {{listen: 127.0.0.1:{port}}}"))
    assert lasting.mesh.pillion("user", "list").returncode == 0
    assert lasting.edit(closed)["taken_up"]
    assert lasting.ask("/sign-up", "accept: application/json").status == 404
    assert lasting.edit(start)["taken_up"]
    assert lasting.ask("/sign-up", "accept: text/html").status == 200


def test_a_stop_while_an_edit_is_taken_up_leaves_nothing(lasting: Edited) -> None:
    """Nor does the next start suffer from what was half done."""
    start, token = lasting.text, lasting.token()
    never = service("stock").replace("echo.py", "-c 'import time; time.sleep(600)'")
    lasting.write(start.replace("paths: [/x]", "paths: [/x, /y]") + never)
    until(lambda: "stock service" in lasting.pids(), "the edit is being taken up")
    lasting.mesh.stop()
    assert running_in(lasting.file.parent) == []
    lasting.write(start)
    again = lasting.mesh.pillion("up", "--detach", timeout=60)
    assert again.returncode == 0, again.stderr
    assert lasting.served("/x", token)
    assert "stock service" not in lasting.pids()
