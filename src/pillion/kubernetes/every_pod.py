"""The files of every workload's Envoy, by as many processes as there are cores where there are many workloads."""

import gc
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from pillion.envoy.files import pod_names, render_pod
from pillion.plan import Plan

# Fewer are done by one process in the time that others take to start.
_MANY: Final = 100
_AT_ONCE: Final = 20

_given: dict[str, Plan] = {}


def files(plan: Plan) -> dict[str, Mapping[str, str]]:
    """Give what `render_pod` writes of each workload, by its name."""
    workloads = pod_names(plan)
    cores = os.cpu_count() or 1
    if len(workloads) < _MANY or cores == 1:
        return {name: render_pod(plan, name) for name in workloads}
    with ProcessPoolExecutor(cores, initializer=_give, initargs=(plan,)) as pool:
        return dict(zip(workloads, pool.map(_render, workloads, chunksize=_AT_ONCE), strict=True))


def _give(plan: Plan) -> None:
    """Let a process know the plan, once; it ends before what it leaves lying about would matter."""
    gc.disable()
    _given["plan"] = plan


def _render(workload: str) -> Mapping[str, str]:
    return render_pod(_given["plan"], workload)
