"""What is applied, and what runs: the controllers go round until both agree."""

import asyncio
import itertools
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from tests.cluster import admission, cert_manager, controllers, dns, network, policies
from tests.cluster.api import Api, root_certificate
from tests.cluster.environment import NotYetError
from tests.cluster.objects import Object, Objects
from tests.cluster.pod import Apiserver, Pod
from tests.kubernetes.reach import matches

_ROUND_SECONDS: Final = 0.2
# A ReplicaSet's controller waits longer each time.
_RETRY_SECONDS: Final = 0.5
_DOMAIN: Final = ".svc.cluster.local"


class Cluster:
    """One node with all pods."""

    def __init__(self, folder: Path) -> None:
        self.objects = Objects()
        self.pods: dict[str, Pod] = {}
        self.api = Api(self.objects, self.changed)
        self.finished: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._folder = folder
        self._numbers = itertools.count(1)
        self._service_addresses: dict[tuple[str, str], str] = {}
        self._available_since: dict[str, float] = {}
        self._dirty = asyncio.Event()
        self._rules = ""
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Set up the node and its servers."""
        await network.prepare()
        await self.api.serve(self._folder)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: dns.Server(self.look), local_addr=(network.DNS, 53))
        self._round = asyncio.create_task(self._go_round())

    def changed(self) -> None:
        """Look at everything again, soon."""
        self._dirty.set()

    async def apply(self, documents: list[Object], namespace: str) -> dict[str, str]:
        """Apply documents; says what became of each. Raises RefusedError for a pod that is not let in."""
        said = {}
        for document in documents:
            named = f"{document['kind']}/{document['metadata']['name']}"
            inside = document["metadata"].get("namespace", namespace)
            if document["kind"] == "Namespace":
                self._prepare(document)
            if document["kind"] == "Pod" and document["metadata"]["name"] not in self.pods:
                await self._add(document, document["metadata"]["name"], inside)
            said[named] = self.objects.apply(document, namespace)
        self.changed()
        return said

    async def _add(self, template: Object, name: str, namespace: str, **more: str) -> None:
        """Make a pod, if it is let in; raises RefusedError."""
        number = next(self._numbers)
        metadata = {**template.get("metadata", {}), "name": name, "namespace": namespace}
        pod = await admission.admitted(
            self.objects, self._service_by_name, {**template, "metadata": metadata}
        )
        manifest = {**pod, "metadata": {**pod["metadata"], "uid": f"uid-{number}", **more}}
        self.pods[name] = Pod(
            manifest,
            number,
            self._folder / "pods",
            Apiserver(
                lambda kind, of: self.objects.content(kind, namespace, of),
                lambda account: self.api.token(namespace, account),
                self.changed,
            ),
        )

    def look(self, name: str) -> list[str] | None:
        """Give the addresses of a name."""
        service, dot, namespace = name.removesuffix(_DOMAIN).partition(".")
        found = self.objects.get("Service", namespace, service)
        if not (name.endswith(_DOMAIN) and dot and found):
            return None
        if found["spec"].get("clusterIP") == "None":
            return [pod.address for pod in self._behind(found)]
        return [self._service_address(found)]

    def holder_of(self, pod: str) -> int | None:
        """Give the process that holds a pod's network; None for no name: that is the node's."""
        return self.pods[pod].holder if pod else None

    def settled(self) -> bool:
        """Say whether every Deployment has all its pods, ready, and nobody is on the way out."""
        deployments = [*self.objects.of("Deployment")]
        return not self._dirty.is_set() and all(
            controllers.settled(one, controllers.wanted(self.objects, one), self._of(one))
            for one in deployments
        )

    async def close(self) -> None:
        """End everything at once."""
        self._round.cancel()
        await asyncio.gather(*(pod.end(0) for pod in self.pods.values()), return_exceptions=True)

    def _prepare(self, document: Object) -> None:
        """Give a namespace what the cluster gives every one."""
        name = document["metadata"]["name"]
        labels = document["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = name
        root = {
            "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": root_certificate(self.objects)},
        }
        self.objects.apply(root, name)

    def _of(self, owner: Object) -> list[Pod]:
        named = f"{owner['kind']}/{owner['metadata']['name']}"
        return [pod for pod in self.pods.values() if pod.owner == named]

    def _behind(self, service: Object) -> list[Pod]:
        selector = {"matchLabels": service["spec"].get("selector") or {}}
        namespace = service["metadata"]["namespace"]
        return [
            pod
            for pod in self.pods.values()
            if pod.ready and pod.namespace == namespace and matches(selector, pod.labels)
        ]

    def _service_by_name(self, name: str, namespace: str) -> str:
        """Give a Service's address; raises ConnectionRefusedError where no pod of it is ready."""
        service = self.objects.get("Service", namespace, name)
        if service is None or not self._behind(service):
            raise ConnectionRefusedError(f"no endpoints available for service {name}")
        return self._service_address(service)

    def _service_address(self, service: Object) -> str:
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        count = len(self._service_addresses) + 2
        return self._service_addresses.setdefault(key, str(IPv4Address("10.43.0.0") + count))

    async def _go_round(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ROUND_SECONDS):
                    await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._once()
            except Exception:  # noqa: BLE001 - it is shown, and the next round may do better
                traceback.print_exc(file=sys.stderr)
                await asyncio.sleep(_ROUND_SECONDS)

    async def _once(self) -> None:
        cert_manager.issue_missing(self.objects)
        for pod in self.pods.values():
            with suppress(NotYetError):
                pod.refresh()
        for name in [name for name, pod in self.pods.items() if pod.ended.is_set()]:
            ended = self.pods.pop(name)
            if ended.owner.startswith("Job/"):
                self.finished[ended.owner] = ended.phase
        await self._write_rules()
        now = time.monotonic()
        ready = {pod.name for pod in self.pods.values() if pod.ready}
        self._available_since = {name: self._available_since.get(name, now) for name in ready}
        for deployment in self.objects.of("Deployment"):
            await self._follow(deployment)
        for job in self.objects.of("Job"):
            if f"Job/{job['metadata']['name']}" not in self.finished and not self._of(job):
                await self._make(job)
        owners = {
            f"{o['kind']}/{o['metadata']['name']}" for k in ("Deployment", "Job") for o in self.objects.of(k)
        }
        for pod in self.pods.values():
            if pod.owner and pod.owner not in owners and not pod.terminating:
                self.end(pod)

    async def _follow(self, deployment: Object) -> None:
        replicas = controllers.wanted(self.objects, deployment)
        step = controllers.step(deployment, replicas, self._of(deployment), self._available_since)
        await asyncio.gather(*(self._make(deployment) for _ in range(step.make)))
        for pod in step.end:
            self.end(pod)

    def end(self, pod: Pod, grace: float | None = None) -> None:
        """Delete a pod; it takes its time."""
        task = asyncio.create_task(pod.end(grace))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _make(self, owner: Object) -> None:
        """Make a pod of a Deployment or Job; one that is not let in is tried again in a while."""
        owned = f"{owner['kind']}/{owner['metadata']['name']}"
        if time.monotonic() < self._not_before.get(owned, 0):
            return
        template = owner["spec"]["template"]
        revision = controllers.revision(template)
        name = f"{owner['metadata']['name']}-{revision}-{next(self._numbers)}"
        try:
            await self._add(template, name, owner["metadata"]["namespace"], owner=owned, revision=revision)
        except admission.RefusedError as error:
            self.refused[owned] = str(error)
            self._not_before[owned] = time.monotonic() + _RETRY_SECONDS

    async def _write_rules(self) -> None:
        namespaces = {
            one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in self.objects.of("Namespace")
        }
        pods = [
            policies.Endpoint(pod.name, pod.namespace, pod.address, pod.labels)
            for pod in self.pods.values()
            if pod.address and not pod.ended.is_set()
        ]
        text = policies.rules(self.objects.of("NetworkPolicy"), pods, namespaces, self._virtual())
        if text != self._rules:
            await network.run("nft", "-f", "-", given=text)
            self._rules = text

    def _virtual(self) -> Iterator[policies.Virtual]:
        for service in self.objects.of("Service"):
            if service["spec"].get("clusterIP") != "None":
                behind = self._behind(service)
                address = self._service_address(service)
                for port in service["spec"]["ports"]:
                    target = port.get("targetPort", port["port"])
                    yield policies.Virtual(
                        address, port["port"], tuple((pod.address, target) for pod in behind)
                    )


def described(pod: Pod) -> Mapping[str, Any]:
    """Say how a pod is."""
    return {
        "name": pod.name,
        "namespace": pod.namespace,
        "owner": pod.owner,
        "labels": dict(pod.labels),
        "address": pod.address,
        "phase": pod.phase,
        "ready": pod.ready,
        "terminating": pod.terminating,
        "waits_for": pod.waits_for,
        "containers": {
            one.name: {
                "image": one.spec["image"],
                "ready": one.ready,
                "restarts": one.restarts,
                "exit_code": one.exit_code,
            }
            for one in pod.containers.values()
        },
    }
