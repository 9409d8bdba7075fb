"""The request that is being served here and now, and how threads come to know of it.

What is kept is emptied when the request ends: a task or thread that outlives it acts for nobody, and a worker that
was started by the way, while somebody's request was served, never acts for them later.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# `tracestate` belongs to `traceparent` (W3C Trace Context, section 3.3).
NAMES: Final = frozenset({"authorization", "traceparent", "tracestate", "x-request-id"})

Kept = dict[str, str]

_present: ContextVar[Kept | None] = ContextVar("pillion.propagate", default=None)


def kept(headers: Iterable[tuple[str, str]]) -> Kept:
    """Take what goes along out of a request's headers, by lower-case name; what stands there twice is left out."""
    found = [(name, value) for name, value in headers if name in NAMES]
    names = [name for name, _ in found]
    return {name: value for name, value in found if names.count(name) == 1}


@contextmanager
def serving(request: Kept | None) -> Iterator[None]:
    """Work on `request` in this block; when it has ended for good, empty it."""
    before = _present.set(request)
    try:
        yield
    finally:
        _present.reset(before)


def present() -> Kept:
    """Give what goes along with a call that is made now."""
    return dict(_present.get() or {})


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """Give `function` as one that serves the present request, in whatever thread it is called.

    threading.Thread(target=propagate.carry(work)).start()
    """
    request = _present.get()

    @wraps(function)
    def carried(*arguments: P.args, **options: P.kwargs) -> T:
        with serving(request):
            return function(*arguments, **options)

    return carried


class Executor(ThreadPoolExecutor):
    """A ThreadPoolExecutor whose threads serve the request in which they are given work."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Have `fn` called by a thread."""
        return super().submit(carry(fn), *args, **kwargs)
