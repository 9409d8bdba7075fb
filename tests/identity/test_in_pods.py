"""Identity as in a pod: told by what is rendered, on PostgreSQL, with secrets in its environment alone."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from pillion.kubernetes import told
from pillion.kubernetes.containers import FOLDER
from pillion.plan import in_pods
from pillion.topology import load_for_pods
from pillion.vocabulary import edge_spiffe_id, spiffe_id
from tests.identity.claims import claims
from tests.identity.databases import fresh, only_on_postgresql
from tests.identity.test_command_line import PILLION
from tests.identity.test_server import COMMAND, PASSWORD, ask, cookies_of, is_up, serving, session_in

pytestmark = only_on_postgresql

EDGE = edge_spiffe_id("shop")
ORDERS = spiffe_id("shop", "orders")  # which calls another
STOCK = spiffe_id("shop", "stock")  # which calls nobody
FORM = "application/x-www-form-urlencoded"
MASTER_KEY = base64.b64encode(b"the same one in all of its pods!").decode()
TOPOLOGY = """\
mesh: shop
edge: {origin: 'https://shop.example'}
identity:
  database: %s
  mail: {from: noreply@shop.example, smtp: 'smtp://shop:${MAIL_PASSWORD}@127.0.0.1:1'}
  verification: optional
services:
  orders: {app: 127.0.0.1:7001, paths: [/api/orders], calls: [stock]}
  stock: {app: 127.0.0.1:7002}
"""


@dataclass(frozen=True)
class Pod:
    """What one pod of identity has of its own: a folder, and an environment."""

    folder: Path
    environ: dict[str, str]

    @property
    def socket(self) -> Path:
        """Where its Envoy finds it."""
        return self.folder / "identity.sock"

    def prepare(self) -> "subprocess.Popen[str]":
        """Run the init container."""
        return subprocess.Popen(
            [*COMMAND, "prepare"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command as `kubectl exec` does."""
        return subprocess.run(
            [*PILLION, *words],
            env=self.environ,
            cwd=self.folder,
            input=typed,
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def pods(tmp_path: Path) -> Callable[[str], Pod]:
    """Give pods by their names, all of one mesh, whose database is empty."""
    url = urlsplit(fresh())
    named, secret = (
        f"{url.scheme}://{url.username}:${{DB_PASSWORD}}@127.0.0.1:{url.port}{url.path}",
        url.password,
    )
    file = tmp_path / "elsewhere" / "pillion.yaml"
    file.parent.mkdir()
    file.write_text(TOPOLOGY % named, encoding="utf-8")
    topology = load_for_pods(file, {})
    rendered = {
        told.IDENTITY_FILE: told.text(told.identity(topology)),
        told.ACCOUNTS_FILE: told.text(told.accounts(in_pods(topology, "shop", "cluster.local"))),
    }

    def pod(name: str) -> Pod:
        folder = tmp_path / name
        (folder / "config").mkdir(parents=True)
        for each, text in rendered.items():
            (folder / "config" / each).write_text(text.replace(f"{FOLDER}/", f"{folder}/"), encoding="utf-8")
        variables = {
            "PILLION_IDENTITY_CONFIG": str(folder / "config" / told.IDENTITY_FILE),
            "PILLION_MASTER_KEY": MASTER_KEY,
            "DB_PASSWORD": secret or "",
            "MAIL_PASSWORD": 'of the "mail" ${server}',
        }
        return Pod(folder, os.environ | variables)

    return pod


def _token(pod: Pod, client_id: str, workload: str) -> tuple[int, bytes]:
    wanted = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "none"}
    status, _, body = ask(
        pod.socket,
        "POST",
        "/oauth2/token",
        urlencode(wanted),
        content_type=FORM,
        host="shop.example",
        x_pillion_workload=workload,
    )
    return status, body


def test_two_pods_are_made_ready_at_once_and_are_one_identity(pods: Callable[[str], Pod]) -> None:
    """What one knows the other does; each tells workloads apart; both end when they are told to."""
    both = [pods("identity-a"), pods("identity-b")]
    preparing = [pod.prepare() for pod in both]
    printed = [process.communicate(timeout=60) for process in preparing]
    assert [process.returncode for process in preparing] == [0, 0], printed
    assert printed[0] == printed[1]
    assert len(json.loads(printed[0][0])["keys"]) == 1
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                serving(pod.environ, "--uds", str(pod.socket), ready=lambda pod=pod: is_up(pod.socket))  # type: ignore[misc]
            )
            for pod in both
        ]
        one, other = both
        for pod in both:
            status, body = _token(pod, ORDERS, ORDERS)
            assert (status, claims(json.loads(body)["access_token"])["sub"]) == (200, ORDERS)
            for client, workload in ((ORDERS, EDGE), (ORDERS, STOCK), (ORDERS, ""), (STOCK, STOCK)):
                assert _token(pod, client, workload)[0] == 400
        account = json.dumps({"email": "ada@example.org", "password": PASSWORD})
        asked = ("POST", "/sign-up", account)
        headers = {"content_type": "application/json", "host": "shop.example", "x_forwarded_for": "192.0.2.1"}
        assert ask(one.socket, *asked, **headers)[0] == 403
        status, answered, _ = ask(one.socket, *asked, **headers, x_pillion_workload=EDGE)
        assert status == 200
        session = session_in(cookies_of(answered).replace("__Host-", ""))
        for workload, given in ((EDGE, True), (ORDERS, False), ("", False)):
            status, answered, _ = ask(
                other.socket, "GET", "/-/renewal/", x_pillion_session=session, x_pillion_workload=workload
            )
            assert (status, "authorization" in answered) == ((200, True) if given else (403, False))
        for server in servers:
            server.send_signal(signal.SIGTERM)
        said = [server.communicate(timeout=20)[1] for server in servers]
        assert [server.returncode for server in servers] == [0, 0], said
    assert not any("Traceback" in each or "password" in each for each in said), said
    assert [*(both[0].folder / "state").rglob("*")] == []


def test_the_first_of_the_pods_replaces_keys_whose_master_key_is_lost(pods: Callable[[str], Pod]) -> None:
    """In place of what prepares them, as the page for operators says; another one then finds all in order."""
    first = pods("identity-a").prepare()
    before = json.loads(first.communicate(timeout=120)[0])["keys"]
    one, other = pods("identity-b"), pods("identity-c")
    for pod in (one, other):
        pod.environ["PILLION_MASTER_KEY"] = base64.b64encode(bytes(32)).decode()
    replaced, found = (pod.command("keys", "replace", "--yes") for pod in (one, other))
    assert (replaced.returncode, replaced.stderr) == (0, "")
    assert before[0]["kid"] in replaced.stdout
    assert (found.returncode, found.stderr) == (0, "")
    assert "nothing is to be replaced" in found.stdout
    preparing = other.prepare()
    after = json.loads(preparing.communicate(timeout=120)[0])["keys"]
    assert (preparing.returncode, len(after)) == (0, 1)
    assert after != before


def test_no_request_is_handed_a_secret_of_the_environment(pods: Callable[[str], Pod]) -> None:
    """The server copies the process's environment into each request's, once the application is there."""
    pod = pods("identity-a")
    asked = "import os, pillion.identity.wsgi; print(*os.environ)"
    words = [sys.executable, "-c", asked]
    left = subprocess.run(words, env=pod.environ, check=True, capture_output=True, text=True).stdout.split()
    assert {"DB_PASSWORD", "MAIL_PASSWORD", "PILLION_MASTER_KEY"} <= pod.environ.keys()
    assert {*left} & {"DB_PASSWORD", "MAIL_PASSWORD", "PILLION_MASTER_KEY"} == set()
    assert "PILLION_IDENTITY_CONFIG" in left


@pytest.mark.parametrize(
    ("without", "code", "sentence"),
    [
        (("DB_PASSWORD",), 2, "identity.json: the environment variable DB_PASSWORD is not set, or empty"),
        (("DB_PASSWORD", "MAIL_PASSWORD"), 2, "variables DB_PASSWORD, MAIL_PASSWORD are not set, or empty"),
        (("PILLION_MASTER_KEY",), 1, "the environment variable PILLION_MASTER_KEY is not set: all pods need"),
    ],
)
def test_a_pod_without_its_secrets_says_which(
    pods: Callable[[str], Pod], without: tuple[str, ...], code: int, sentence: str
) -> None:
    pod = pods("identity-a")
    for name in without:
        del pod.environ[name]
    process = pod.prepare()
    printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed, said.count("\n")) == (code, "", 1)
    assert sentence in said


def test_an_operator_gives_commands_in_a_pod(pods: Callable[[str], Pod]) -> None:
    """By what the pod is told, since no topology lies there; the record says in which pod it was."""
    pod = pods("identity-a")
    pod.prepare().communicate(timeout=60)
    added = pod.command("user", "add", "ada@example.org", "--password-stdin", typed=PASSWORD)
    assert (added.returncode, added.stdout.split()[:2]) == (0, ["added", "ada@example.org"]), added.stderr
    printed = pod.command("token", "--user", "ada@example.org")
    assert claims(printed.stdout.strip())["iss"] == "https://shop.example", printed.stderr
    revoked = pod.command("session", "revoke", "--user", "ada@example.org")
    said = ["revoked 1 session", "nothing runs that would have to be told"]
    assert (revoked.returncode, revoked.stdout.splitlines()) == (0, said)
    changed = pod.command("changes", "--what", "user.added", "--json")
    (change,) = map(json.loads, changed.stdout.splitlines())
    assert change["actor"].startswith("command line: ")
    assert change["actor"].endswith(f" in pod {socket.gethostname()}")
    backup = pod.folder / "backup"
    assert pod.command("database", "backup", str(backup)).returncode == 0
    assert backup.read_bytes().startswith(b"PGDMP")
    del pod.environ["DB_PASSWORD"]
    refused = pod.command("user", "list")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "identity.json: the environment variable DB_PASSWORD is not set, or empty" in refused.stderr


def test_a_topology_that_lies_there_says_what_is_meant(pods: Callable[[str], Pod]) -> None:
    pod = pods("identity-a")
    (pod.folder / "pillion.yaml").write_text("mesh: 1\n", encoding="utf-8")
    refused = pod.command("user", "list")
    assert (refused.returncode, "pillion.yaml:1:7: mesh: " in refused.stderr) == (2, True)
