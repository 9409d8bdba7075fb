"""The same work for many things, by as many processes as there are cores."""

import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

# Fewer are done by one process in the time that others take to start.
_MANY: Final = 100
_AT_ONCE: Final = 20

Told = TypeVar("Told")
Result = TypeVar("Result")

_told: dict[str, Any] = {}


def of_each(work: Callable[[Told, str], Result], told: Told, names: Sequence[str]) -> dict[str, Result]:
    """Give what `work` makes of each name, in their order; it is a function of a module, and changes nothing."""
    cores = os.cpu_count() or 1
    if len(names) < _MANY or cores == 1:
        return {name: work(told, name) for name in names}
    with ProcessPoolExecutor(cores, initializer=_tell, initargs=(told,)) as pool:
        return dict(zip(names, pool.map(partial(_work, work), names, chunksize=_AT_ONCE), strict=True))


def _tell(told: Any) -> None:
    """Let a process know once what is the same for all; it ends before its garbage would matter."""
    gc.disable()
    _told["it"] = told


def _work(work: Callable[[Any, str], Any], name: str) -> Any:
    return work(_told["it"], name)
