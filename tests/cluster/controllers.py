"""Deployments and Jobs: how many pods there are to be, and which make room for which."""

import hashlib
import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.cluster.objects import Object, Objects
from tests.cluster.pod import Pod


@dataclass(frozen=True)
class Step:
    """What is to be done now: pods to make, and pods to end."""

    make: int = 0
    end: tuple[Pod, ...] = ()


def revision(template: dict[str, Any]) -> str:
    """Name a pod template by what is in it."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]


def wanted(objects: Objects, deployment: Object) -> int:
    """Say how many replicas there are to be; a HorizontalPodAutoscaler's minimum, where there is one."""
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    for scaler in objects.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"], scaler["metadata"]["namespace"]) == (
            "Deployment",
            name,
            namespace,
        ):
            return int(max(scaler["spec"].get("minReplicas", 1), deployment["spec"].get("replicas", 1)))
    return int(deployment["spec"].get("replicas", 1))


def step(deployment: Object, replicas: int, pods: Iterable[Pod], available_since: dict[str, float]) -> Step:
    """Work out the next step of a rolling update."""
    current = revision(deployment["spec"]["template"])
    living = [pod for pod in pods if not pod.terminating and not pod.ended.is_set()]
    new = [pod for pod in living if pod.revision == current]
    old = [pod for pod in living if pod.revision != current]
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate", {})
    surge = _share(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == unavailable == 0:
        unavailable = 1
    seconds = deployment["spec"].get("minReadySeconds", 0)
    now = time.monotonic()
    available = {
        pod.name for pod in living if pod.ready and now - available_since.get(pod.name, now) >= seconds
    }
    make = max(0, min(replicas - len(new), replicas + surge - len(living)))
    unready = [pod for pod in old if pod.name not in available]
    spare = len(available) - (replicas - unavailable)
    surplus = new[replicas:]
    going = [*unready, *[pod for pod in old if pod.name in available][: max(0, spare)], *surplus]
    return Step(make, tuple(going))


def settled(deployment: Object, replicas: int, pods: Iterable[Pod]) -> bool:
    """Say whether all pods are of this template, ready, and as many as wanted."""
    current = revision(deployment["spec"]["template"])
    living = [pod for pod in pods if not pod.terminating and not pod.ended.is_set()]
    return len(living) == replicas and all(pod.ready and pod.revision == current for pod in living)


def _share(written: int | str, of: int, rounded: Any) -> int:
    if isinstance(written, int):
        return written
    return int(rounded(of * int(written.removesuffix("%")) / 100))
