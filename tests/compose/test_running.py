"""The project as it runs: real Envoys, identity, control and PostgreSQL, each in a container of its own."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import postgres
from tests.compose import project as projects
from tests.compose import running
from tests.compose.running import Project
from tests.local.waiting import until

pytestmark = [
    pytest.mark.skipif(not postgres.is_there(), reason="PostgreSQL is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers have users of their own: that takes root"),
]

_ORIGIN = "http://localhost:8080"
_CALLBACK = "https://graphs.example/cb"
_PASSWORD = "a long enough passphrase"
_KNOCK = """
import socket, sys
for where in sys.argv[1:]:
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        print("open")
    except socket.gaierror:
        print("unknown")
    except OSError as error:
        print(type(error).__name__)
"""
# In TLS 1.3 the refusal comes after the handshake; what were sent by then could make a reset of it.
_SHOWS_NO_CERTIFICATE = """
import socket, ssl
context = ssl._create_unverified_context()
with context.wrap_socket(socket.create_connection(("inventory", 15001))) as connection:
    print(connection.recv(99))
"""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """Run it."""
    with running.running() as started:
        with client(started) as asking:
            until(lambda: asking.get("/api/orders/health").status_code == 200, "the service answers")
        yield started


@pytest.fixture(scope="module")
def person(project: Project) -> Iterator[httpx.Client]:
    """Sign somebody up."""
    with client(project) as asking:
        answer = asking.post("/sign-up", json={"email": "ada@example.com", "password": _PASSWORD})
        assert answer.status_code == 200, answer.text
        yield asking


def client(project: Project) -> httpx.Client:
    """Ask as a browser would."""
    return httpx.Client(
        base_url=project.edge, headers={"host": "localhost:8080", "origin": _ORIGIN}, timeout=20
    )


def knock(project: Project, container: str, *addresses: str) -> list[str]:
    """Try connections from a container."""
    code, said = project.execute(container, "python", "-c", _KNOCK, *addresses)
    assert code == 0, said
    return said.split()


def called(person: httpx.Client) -> Any:
    """Have orders call inventory; gives what inventory was sent."""
    answer = person.get("/api/orders/call/inventory")
    assert answer.status_code == 200, answer.text
    return answer.json()["callee"]


def test_every_container_is_well(project: Project) -> None:
    said = project.order("healthy")
    assert len(said) == 9
    assert {*said.values()} == {True}


def test_an_envoy_that_takes_no_connection_is_not_well(project: Project) -> None:
    """Though it says that it is ready: so does one that has refused its listener."""
    services = projects.read(project.folder, projects.variables(project.folder))["services"]
    for name, port in (("edge", 8080), ("orders_sidecar", 15001)):
        kind, *check = services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        assert project.execute(name, *check)[0] == 0
        elsewhere = [word.replace(f"/{port} ", "/15999 ") for word in check]
        assert elsewhere != check
        assert project.execute(name, *elsewhere)[0] != 0


def test_an_operator_gives_orders_in_identitys_container(project: Project) -> None:
    """As `docker compose exec` does."""
    pillion = ("identity", "pillion")
    code, said = project.execute(*pillion, "client", "add", "Grafana", "--redirect-uri", _CALLBACK, "--json")
    assert code == 0, said
    client_id = json.loads(said)["client_id"]
    code, said = project.execute(*pillion, "changes", "--what", "client.added", "--json")
    assert code == 0, said
    line = json.loads(said)
    assert (line["whom"], line["actor"].split(":")[0]) == (client_id, "command line")
    code, said = project.execute(*pillion, "keys", "list", "--json")
    assert (code, [key["state"] for key in json.loads(said)]) == (0, ["signing"])


def test_who_shows_no_token_is_refused(project: Project) -> None:
    with client(project) as asking:
        assert asking.get("/api/orders").status_code == 401


def test_a_service_and_whom_it_calls_know_who_is_calling(person: httpx.Client) -> None:
    sub = person.get("/me").json()["sub"]
    forged = {"x-pillion-user": "somebody", "x-pillion-workload": "spiffe://shop/control"}
    answer = person.get("/api/orders/call/inventory", headers=forged).json()
    assert (answer["service"], answer["headers"]["x-pillion-user"]) == ("orders", sub)
    assert (answer["callee"]["service"], answer["callee"]["headers"]["x-pillion-user"]) == ("inventory", sub)
    assert "x-pillion-workload" not in answer["headers"]


def test_who_signed_out_is_refused_everywhere_before_the_token_expires(project: Project) -> None:
    with client(project) as asking:
        asking.post("/sign-up", json={"email": "grace@example.com", "password": _PASSWORD})
        bearer = {"authorization": f"Bearer {asking.cookies['pillion-token']}"}
        assert asking.post("/sign-out").status_code < 400
    with client(project) as asking:
        until(lambda: asking.get("/api/orders", headers=bearer).status_code == 401, "the token is refused")
        assert asking.get("/api/orders", headers=bearer).json()["type"].endswith("token-revoked")


def test_a_container_reaches_those_alone_with_whom_it_has_business(project: Project) -> None:
    of = {
        name: project.order("address", container=name, network=network)
        for name, network in {
            "orders_pod": "edge_orders",
            "edge": "edge_orders",
            "identity_sidecar": "edge_identity",
            "pillion_database": "identity_database",
        }.items()
    }
    assert knock(project, "inventory", "control:15001") == ["open"]
    names = ["orders:15001", "edge:8080", "identity:15001", "database:5432", "pillion_database:5432"]
    assert {*knock(project, "inventory", *names)} == {"unknown"}
    addresses = [f"{of[name]}:{port}" for name, port in (("edge", 8080), ("pillion_database", 5432))]
    addresses += [f"{of['orders_pod']}:15001", f"{of['identity_sidecar']}:15001", "10.60.1.254:22"]
    assert "open" not in knock(project, "inventory", *addresses)
    assert knock(project, "orders", "inventory:15001", "identity:15001") == ["open", "open"]
    assert knock(project, "orders", "database:5432", "edge:8080") == ["unknown", "open"]
    assert knock(project, "identity", "database:5432", "orders:15001") == ["open", "unknown"]


def test_a_service_is_reached_by_its_sidecar_alone(project: Project) -> None:
    assert (
        knock(project, "orders", "inventory:7002", "inventory:15002", "inventory:15020")
        == ["ConnectionRefusedError"] * 3
    )
    code, said = project.execute("orders", "python", "-c", _SHOWS_NO_CERTIFICATE)
    assert code != 0
    assert "CERTIFICATE_REQUIRED" in said.upper()


def test_a_container_has_no_right_to_anything(project: Project) -> None:
    look = "id -u; touch /pillion/x /etc/x 2>&1 | grep -c 'Read-only'; grep CapBnd /proc/self/status"
    for name in ("identity", "control", "edge", "orders_sidecar", "pillion_authority"):
        code, said = project.execute(name, "sh", "-c", look)
        assert code == 0
        assert said.split() == ["10101", "2", "CapBnd:", "0000000000000000"], name


def test_a_key_is_where_it_is_used_and_nowhere_else(project: Project) -> None:
    look = "ls /pillion /pillion/certificates 2>/dev/null | sort | tr '\\n' ' '"
    assert project.execute("pillion_authority", "sh", "-c", "ls /pillion/ca /pillion/certificates")[
        1
    ].split() == [
        *("/pillion/ca:", "authority.pem", "/pillion/certificates:"),
        *("control", "edge", "identity", "inventory", "orders"),
    ]
    for name in ("edge", "orders"):
        sidecar = name if name == "edge" else f"{name}_sidecar"
        assert project.execute(sidecar, "ls", "/pillion/certificates")[1].split() == [name]
        assert project.execute(sidecar, "ls", "/pillion/ca")[0] != 0
    assert "certificates" not in project.execute("orders", "sh", "-c", look)[1]
    assert "certificates" not in project.execute("identity", "sh", "-c", look)[1]
    assert project.execute("pillion_authority", "cat", "/proc/net/dev")[1].count(":") == 1, "loopback alone"
    assert "PILLION_MASTER_KEY" not in project.execute("control", "env")[1]
    assert "DATABASE_URL" not in project.execute("edge", "env")[1]


def test_a_certificate_that_is_lost_is_issued_anew_and_taken_up(
    project: Project, person: httpx.Client
) -> None:
    lost = "/pillion/certificates/inventory/svid.json"
    read = ["sha256sum", lost]
    _, before = project.execute("inventory_sidecar", *read)
    assert project.execute("pillion_authority", "rm", lost)[0] == 0

    def renewed() -> bool:
        code, now = project.execute("inventory_sidecar", *read)
        return code == 0 and now != before

    until(renewed, "it has another one")
    assert called(person)["service"] == "inventory"
    assert json.loads(project.execute("inventory_sidecar", "cat", lost)[1])["resources"][0]["name"] == "svid"


def test_a_sidecar_that_dies_is_started_again_beside_its_service(
    project: Project, person: httpx.Client
) -> None:
    project.order("signal", container="inventory_sidecar", number=signal.SIGKILL)

    def works() -> bool:
        return isinstance(called(person), dict)

    until(works, "inventory answers again")
