"""The whole suite against a real mesh: nothing gets through, nothing else is touched, nothing is left behind."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from tests import certificates, mesh
from tests.local.waiting import until
from tests.system import shop

PATIENCE_SECONDS = 110.0
# Writes down every address that the command connects to, and does as the command does.
WATCHED = """
import sys
_, noted, *words = sys.argv
def note(event, given):
    if event == "socket.connect":
        with open(noted, "a") as file:
            print(repr(given[1]), file=file)
sys.addaudithook(note)
sys.argv = ["pillion", *words]
from pillion.cli import main
main()
"""


@dataclass(frozen=True)
class Run:
    """What one run came to."""

    code: int
    told: dict[str, Any]
    errors: str
    connected: set[str]
    junit: ET.Element

    @property
    def verdicts(self) -> dict[str, str]:
        """Give the attacks that were not held, with what was answered."""
        return {
            f"{one['family']}: {one['name']}: {one['answered']}": one["verdict"]
            for one in self.told["attacks"]
            if one["verdict"] != "held"
        }


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mesh.Mesh]:
    """Give the shop, by https, so that everything can be tried."""
    folder = tmp_path_factory.mktemp("attack") / "shop"
    topology = shop.copy(folder).replace(
        "origin: http://localhost", "tls: {certificate: tls.crt, key: tls.key}\n  origin: https://localhost"
    )
    pair = certificates.pair()
    with mesh.running(folder, topology, {"tls.crt": pair.certificate, "tls.key": pair.key}) as running:
        yield running


@pytest.fixture(scope="module")
def run(started: mesh.Mesh, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Give what comes of the suite."""
    folder = tmp_path_factory.mktemp("run")
    words = ["attack", "--json", "--junit", str(folder / "junit.xml"), "-f", str(started.file)]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder / "connected"), *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.stdout, done.stderr
    return Run(
        done.returncode,
        json.loads(done.stdout),
        done.stderr,
        set((folder / "connected").read_text().splitlines()),
        ET.parse(folder / "junit.xml").getroot(),
    )


def test_no_attack_gets_through(run: Run) -> None:
    assert {what: verdict for what, verdict in run.verdicts.items() if verdict != "known"} == {
        "the network between workloads: a connection: no network keeps anybody apart here": "skipped",
        "control and admin: identity past the edge: identity is at a socket, for its owner alone": "skipped",
    }
    assert (run.code, run.told["got_through"], run.told["unclear"]) == (0, 0, 0)
    assert run.told["tried"] >= 120


def test_what_is_known_is_what_the_documentation_says(run: Run) -> None:
    found = {(one["family"], one["name"]) for one in run.told["attacks"] if one["verdict"] == "known"}
    assert found == {
        ("a service's way out", "in the service's name"),
        ("services' own ports", "a connection"),
        ("services' own ports", "with identity headers"),
    }


def test_junit_says_the_same(run: Run) -> None:
    cases = run.junit.findall("testsuite/testcase")
    assert len(cases) == len(run.told["attacks"]) == int(run.junit.attrib["tests"])
    assert run.junit.findall(".//failure") + run.junit.findall(".//error") == []
    named = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert named == [(one["family"], one["name"]) for one in run.told["attacks"]]


def test_nothing_but_the_mesh_is_connected_to(run: Run, started: mesh.Mesh) -> None:
    ours = set()
    for workload in started.status()["workloads"]:
        for address in filter(None, (workload["address"], workload.get("egress"))):
            ours.add(repr(("127.0.0.1", int(address.rpartition(":")[2]))) if ":" in address[5:] else address)
    sockets = {one for one in run.connected if ".pillion/run/" in one}
    assert run.connected - sockets <= ours


def test_secrets_are_in_nothing_that_is_told(run: Run) -> None:
    told = json.dumps(run.told) + run.errors
    assert re.search(r"eyJ[\w-]+\.eyJ", told) is None
    assert "code=" not in told


def test_nothing_is_left_behind(run: Run, started: mesh.Mesh) -> None:
    assert run.code == 0
    assert "attack-" not in started.pillion("user", "list").stdout + started.pillion("client", "list").stdout


def test_an_interrupted_run_leaves_nothing_behind_either(started: mesh.Mesh) -> None:
    process = subprocess.Popen(
        [*mesh.command(), "attack", "-f", str(started.file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    edge = int(started.workload("edge", "edge")["address"].rpartition(":")[2])
    until(lambda: _talks_to(process.pid, edge), "the run begins")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors.strip()) == (130, "interrupted")
    assert "attack-" not in started.pillion("user", "list").stdout + started.pillion("client", "list").stdout


def _talks_to(pid: int, port: int) -> bool:
    found = psutil.Process(pid).net_connections("tcp")
    return any(connection.raddr and connection.raddr.port == port for connection in found)


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "pillion.yaml").write_text(
        "mesh: m\nservices: {a: {app: 127.0.0.1:7001}}\n", encoding="utf-8"
    )
    done = mesh.pillion(tmp_path / "pillion.yaml", "attack")
    assert (done.returncode, done.stderr.strip()) == (1, "Error: nothing runs: start it with 'pillion up'")
