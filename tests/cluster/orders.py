"""What tests may order of a cluster: a function each; its name is what the order says to do."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tests.cluster import cert_manager
from tests.cluster.cluster import Cluster, described
from tests.cluster.objects import Object

_KNOCK: Final = str(Path(__file__).with_name("knock.py"))
# How proc(5) writes that state.
_LISTEN: Final = "0A"


async def obey(cluster: Cluster, order: dict[str, Any]) -> Any:
    """Do what an order says; gives what came of it."""
    words = dict(order)
    return await _ORDERS[words.pop("do")](cluster, **words)


async def _apply(cluster: Cluster, *, documents: list[Object], namespace: str) -> dict[str, str]:
    return await cluster.apply(documents, namespace)


async def _delete(cluster: Cluster, *, kind: str, namespace: str, name: str) -> None:
    cluster.objects.delete(kind, namespace, name)
    cluster.changed()


async def _get(cluster: Cluster, *, kind: str, namespace: str, name: str) -> Object | None:
    return cluster.objects.get(kind, namespace, name)


async def _look(cluster: Cluster, *, name: str) -> list[str] | None:
    return cluster.look(name)


async def _pods(cluster: Cluster) -> list[Any]:
    return [described(pod) for pod in cluster.pods.values()]


async def _settled(cluster: Cluster) -> bool:
    return cluster.settled()


async def _finished(cluster: Cluster) -> dict[str, str]:
    return cluster.finished


async def _refused(cluster: Cluster) -> dict[str, str]:
    return cluster.refused


async def _end(cluster: Cluster, *, pod: str, grace: float | None) -> None:
    cluster.end(cluster.pods[pod], grace)


async def _signal(cluster: Cluster, *, pod: str, container: str, number: int) -> None:
    cluster.pods[pod].containers[container].program.send(number)


async def _execute(cluster: Cluster, *, pod: str, container: str, words: list[str], given: str) -> list[Any]:
    code, said = await cluster.pods[pod].containers[container].output(words, given.encode())
    return [code, said.decode(errors="replace")]


async def _logs(cluster: Cluster, *, pod: str, container: str) -> str:
    said = cluster.pods[pod].containers[container].program.log
    return said.read_text(errors="replace") if said.exists() else ""


async def _knock(cluster: Cluster, *, pod: str, seconds: float, addresses: list[str]) -> list[str]:
    said = await cluster.pods[pod].from_network(sys.executable, _KNOCK, str(seconds), *addresses)
    return said.split()


async def _listening(cluster: Cluster, *, pod: str) -> list[int]:
    """Name the ports at which somebody listens in a pod (proc(5))."""
    network = Path(f"/proc/{cluster.pods[pod].holder}/net")
    rows = [
        line.split() for kind in ("tcp", "tcp6") for line in (network / kind).read_text().splitlines()[1:]
    ]
    return sorted({int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN})


async def _requests(cluster: Cluster) -> list[tuple[str, str, int]]:
    return cluster.api.requests


async def _renew(cluster: Cluster, *, namespace: str, certificate: str) -> bool:
    found = cluster.objects.get("Certificate", namespace, certificate)
    assert found is not None
    renewed = cert_manager.issue(cluster.objects, found)
    cluster.changed()
    return renewed


_ORDERS: Final[dict[str, Callable[..., Awaitable[Any]]]] = {
    "apply": _apply,
    "delete": _delete,
    "get": _get,
    "look": _look,
    "pods": _pods,
    "settled": _settled,
    "finished": _finished,
    "refused": _refused,
    "end": _end,
    "signal": _signal,
    "execute": _execute,
    "logs": _logs,
    "knock": _knock,
    "listening": _listening,
    "requests": _requests,
    "renew": _renew,
}
