"""Attackers of the shop in its cluster: where they stand, what they have stolen, and what they know.

From outside they come as anybody does. Inside, the worst of them has taken over a pod that may connect, so that
the network does not help any more; others stand where it is to keep them away.
"""

import base64
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from pillion.attack import jose, people, survey, wire
from pillion.attack.bait import Bait, listening
from pillion.attack.catalogue import FAMILIES
from pillion.attack.families.sidecars import careless
from pillion.attack.outcome import Attack, Family, Result, Verdict
from pillion.attack.run import run
from pillion.attack.target import Account, Browser, Client, Door, Target
from pillion.cli import attack_doors
from pillion.cli.attack_accounts import Made
from pillion.cli.attack_target import candidates
from pillion.topology import Address, Service, Topology
from pillion.vocabulary import DRAIN_PORT, EGRESS_PORT, INBOUND_PORT, PROBES_PORT, cookies
from tests.cluster import network, strangers
from tests.cluster.client import NAMESPACE
from tests.cluster.shop import Shop
from tests.kubernetes.reach import Pod
from tests.kubernetes.test_network_policies import expected
from tests.local.waiting import until

# Two addresses outside of the cluster.
_ADDRESS: Final = "10.45.0.1"
_ANOTHER_ADDRESS: Final = "10.45.1.1"
# Their own server, at loopback of every pod that somebody may try to have ask it.
_BAIT_PORT: Final = 7999
_OWN: Final = ("edge", "identity", "control")
_COOKIES: Final = cookies(secure=True)
# Two cores have a whole cluster to run.
_PATIENCE_SECONDS: Final = 10.0
# A connection that is dropped takes as long; one that is let through, no time: nobody but the kernel answers.
_DROPPED_SECONDS: Final = 1.0
# Who makes them stays no longer than to say so: they are for as long as the cluster.
_MAKE: Final = """
import dataclasses, json, os, sys
from pillion.attack.bait import Bait
from pillion.cli.attack_accounts import made
from pillion.cli.identity import open_identity
open_identity(None)
with made(sys.argv[1], Bait(sys.argv[2])) as given:
    print(json.dumps(dataclasses.asdict(given)), flush=True)
    os._exit(0)
"""


@contextmanager
def ready(shop: Shop) -> Iterator[Target]:
    """Give the shop as a target, with accounts and a client of the attacker's own."""
    shop.cluster.apply(strangers.documents())
    until(
        lambda: {p["name"] for p in shop.cluster.pods() if p["address"]} >= strangers.NAMES, "they are there"
    )
    ground = _Ground(shop, shop.loaded(), _pods(shop))
    strays = tuple(_strays(ground))
    listeners = [ground.network(pod)() for pod in shop.cluster.pods() if pod["namespace"] == NAMESPACE]
    for one in listeners:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", _BAIT_PORT))
    with listening(*listeners) as bait:
        yield _target(ground, bait, strays)


def attacked(target: Target) -> list[Result]:
    """Try everything; what is unclear once more, since two cores have a whole cluster to run."""
    results = []
    for family in FAMILIES:
        for result in run(target, [family]):
            is_clear = result.outcome.verdict is not Verdict.UNCLEAR
            results.append(result if is_clear else _again(target, family, result.attack))
    return results


def verdict(target: Target, family: Family, attack: str) -> Verdict:
    """Try one attack, between its controls."""
    [one] = [each for each in family.attacks if each.name == attack]
    return _again(target, family, one).outcome.verdict


def _again(target: Target, family: Family, attack: Attack) -> Result:
    [result] = run(target, [replace(family, attacks=(attack,))])
    return result


@dataclass(frozen=True)
class _Ground:
    """The cluster as it is now: a pod of each workload, and the strangers, by their names."""

    shop: Shop
    topology: Topology
    pods: Mapping[str, Mapping[str, Any]]

    @property
    def workloads(self) -> tuple[str, ...]:
        return (*_OWN, *self.topology.services)

    def network(self, pod: Mapping[str, Any] | None) -> Callable[[], socket.socket]:
        """Stand in a pod, or on the node, whom no policy keeps out."""
        return partial(self.shop.cluster.socket_in, pod["name"] if pod else "")

    def door(self, name: str, kind: Any, port: int, stands: str = "") -> Door:
        """Give a port of a workload's pod, as for somebody who stands in another's, or on the node."""
        return Door(
            name,
            kind,
            self.pods[name]["address"],
            port,
            authority=name,
            network=self.network(self.pods.get(stands)),
            patience=_PATIENCE_SECONDS,
        )

    def sidecar(self, name: str) -> Door:
        """Give the sidecar of a service, as for somebody in the pod of a workload that may call it."""
        return self.door(name, "sidecar", INBOUND_PORT, attack_doors.peers(self.topology)[name][0])

    def stolen(self, workload: str) -> str:
        """Give a workload's certificate and key, as PEM."""
        secret = self.shop.cluster.get("Secret", f"pillion-{workload}-certificate")
        assert secret is not None
        return "".join(base64.b64decode(secret["data"][name]).decode() for name in ("tls.crt", "tls.key"))

    def peers(self) -> Iterator[Door]:
        """Give the sidecars as for those that may call them."""
        for name, callers in attack_doors.peers(self.topology).items():
            yield attack_doors.showing(self.sidecar(name), self.stolen(callers[0]))

    def intruders(self) -> Iterator[Door]:
        """Give them as for everybody else of the mesh, who has come so far that the network lets them through."""
        for name, callers in attack_doors.peers(self.topology).items():
            for thief in self.workloads:
                if thief not in callers:
                    yield attack_doors.showing(self.sidecar(name), self.stolen(thief))

    def insides(self) -> Iterator[Door]:
        """Give control to who has no business with it, identity to a service, and the port for metrics."""
        control = self.door("control", "control", INBOUND_PORT, "edge")
        yield _speaking(control, careless(), careless())
        yield attack_doors.showing(control, self.stolen("identity"))
        yield attack_doors.showing(
            self.door("identity", "identity", INBOUND_PORT, "orders"), self.stolen("orders")
        )
        for name in self.workloads:
            yield self.door(name, "probes", PROBES_PORT, strangers.PROMETHEUS)

    def connections(self, *, wanted: bool) -> Iterator[Door]:
        """Give the ports where somebody listens, to all who have business there by the topology, or have none."""
        webhook = self.shop.cluster.pods("pillion-webhook")[0]
        besides: tuple[tuple[Pod, int, tuple[str, ...]], ...] = (
            (Pod("the database", network.OUTSIDE, "", {}), 5432, ("identity", "control")),
            (Pod("the API server", network.API, "", {}), 443, ("control",)),
            (Pod("the webhook", webhook["address"], NAMESPACE, {}), 8443, ()),
        )
        everybody = [Pod(name, pod["address"], pod["namespace"], {}) for name, pod in self.pods.items()]
        mesh = [pod for pod in everybody if pod.name in self.workloads]
        for source in everybody:
            for there in mesh:
                for port in (INBOUND_PORT, PROBES_PORT):
                    listens = (there.name, port) != ("edge", INBOUND_PORT)
                    if source != there and listens and expected(self.topology, source, there, port) == wanted:
                        yield self._connection(source, there, port, wanted=wanted)
            for there, port, allowed in besides:
                if source.namespace == NAMESPACE and (source.name in allowed) == wanted:
                    yield self._connection(source, there, port, wanted=wanted)

    def _connection(self, source: Pod, there: Pod, port: int, *, wanted: bool) -> Door:
        return Door(
            f"{there.name}:{port} from {source.name}",
            "service",
            there.address,
            port,
            patience=_PATIENCE_SECONDS if wanted else _DROPPED_SECONDS,
            network=self.network(self.pods[source.name]),
        )


def _pods(shop: Shop) -> dict[str, dict[str, Any]]:
    """Give one pod of each workload, and the strangers."""
    found = {pod["name"]: pod for pod in shop.cluster.pods() if pod["name"] in strangers.NAMES}
    return {name: shop.cluster.pods(name)[0] for name in (*_OWN, *shop.loaded().services)} | found


def _strays(ground: _Ground) -> Iterator[str]:
    """Name the ports at which somebody listens in pods of the mesh, and which nobody has heard of."""
    services = ground.topology.services
    own = {"edge": ground.topology.edge.listen.port, "identity": INBOUND_PORT, "control": INBOUND_PORT}
    for name in ground.workloads:
        apps = {INBOUND_PORT, EGRESS_PORT, _port(services[name])} if name in services else {own[name]}
        found = ground.shop.cluster.order("listening", pod=ground.pods[name]["name"])
        for port in {*found} - apps - {PROBES_PORT, DRAIN_PORT}:
            yield f"{name} at {port}"


def _port(service: Service) -> int:
    """Give the port where the service itself listens."""
    assert isinstance(service.app, Address)
    return service.app.port


def _target(ground: _Ground, bait: Bait, strays: tuple[str, ...]) -> Target:
    shop, topology = ground.shop, ground.topology
    edge = _edge(ground)
    given = _made(shop, topology.mesh, bait)
    keys = wire.request(edge, "GET", "/.well-known/jwks.json").json()["keys"]
    return Target(
        origin=shop.origin,
        edge=edge,
        sidecars=tuple(map(ground.sidecar, topology.services)),
        peers=tuple(ground.peers()),
        intruders=tuple(ground.intruders()),
        egresses=tuple(
            Door(name, "egress", "127.0.0.1", EGRESS_PORT, network=ground.network(ground.pods[name]))
            for name in topology.services
        ),
        services=tuple(
            ground.door(name, "service", _port(service)) for name, service in topology.services.items()
        ),
        apart=(),
        insides=tuple(ground.insides()),
        strays=strays,
        calls=frozenset((caller, callee) for caller, it in topology.services.items() for callee in it.calls),
        cookies=_COOKIES,
        places=survey.look(edge, given.token, candidates(topology)),
        key=next(key for key in keys if key["kid"] == jose.header(given.token)["kid"]),
        user=given.user,
        other=given.other,
        leaver=given.leaver,
        client=given.client,
        token=given.token,
        browser=_browser(edge, given.user),
        attacker=_browser(edge, given.other),
        expired=given.expired,
        bait=bait,
        walls=tuple(ground.connections(wanted=False)),
        gates=tuple(ground.connections(wanted=True)),
        elsewhere=_ANOTHER_ADDRESS,
    )


def _edge(ground: _Ground) -> Door:
    """Give the load balancer's address, as for anybody outside of the cluster."""
    [address] = ground.shop.cluster.order("look", name=f"edge.{NAMESPACE}.svc.cluster.local")
    service = ground.shop.cluster.get("Service", "edge")
    assert service is not None
    plain = Door(
        "edge",
        "edge",
        address,
        service["spec"]["ports"][0]["port"],
        authority=ground.shop.origin.removeprefix("https://"),
        source=_ADDRESS,
        network=ground.network(None),
        patience=_PATIENCE_SECONDS,
    )
    return _speaking(plain, ground.shop.trust, ground.shop.trust)


def _speaking(door: Door, first: ssl.SSLContext, second: ssl.SSLContext) -> Door:
    first.set_alpn_protocols(["http/1.1"])
    second.set_alpn_protocols(["h2"])
    return door.by_tls(first, second)


def _made(shop: Shop, mesh: str, bait: Bait) -> Made:
    """Make accounts and a client where identity runs, as `pillion attack` does on a laptop."""
    words = ("python", "-c", _MAKE, mesh, bait.url)
    said = json.loads(shop.cluster.execute(shop.pod("identity"), "identity", *words))
    user, other, leaver = (Account(**said[name]) for name in ("user", "other", "leaver"))
    return Made(user, other, leaver, Client(**said["client"]), said["token"], said["expired"])


def _browser(edge: Door, account: Account) -> Browser:
    answer = people.try_to_sign_in(edge, account)
    browser = people.signed_in(answer, _COOKIES)
    assert browser is not None, answer
    return browser
