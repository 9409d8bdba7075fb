"""Takes back what was done, in the opposite order, when something later fails."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from pillion.local.failure import LocalError


class HalfDoneError(LocalError):
    """Something failed, and so did taking back what was done before."""


class Undo:
    """A list of ways back: gone when the block fails, forgotten when it does not.

    A cancelled block is left as it is: whoever cancels it ends everything anyway.
    """

    def __init__(self) -> None:
        self._ways: list[Callable[[], Awaitable[object]]] = []

    def add(self, way: Callable[[], Awaitable[object]]) -> None:
        """Remember how to take back what is about to be done."""
        self._ways.append(way)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception):
            return
        failed = []
        for way in reversed(self._ways):
            try:
                await way()
            except (LocalError, OSError) as failure:
                failed.append(str(failure))
        if failed:
            raise HalfDoneError("\n".join((str(error), *failed))) from error
