"""The namespaces of a service and its sidecar: made when first needed, kept by descriptors, and gone with them.

They have no names. When `pillion up` and all that it started have ended, in whatever way, nothing is left of them.
"""

import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillion.local.failure import LocalError
from pillion.local.isolation import rights
from pillion.plan import Address

_ENTER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("enter.py")))
_TABLES: Final = ("tcp", "tcp6")
# proc(5), /proc/net/tcp: the state of a socket that listens.
_LISTENS: Final = b"0A"
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class _Open:
    """The descriptors of a user and a network namespace, and of the tables of sockets in the latter."""

    user: int
    net: int
    tables: tuple[int, ...]


class Namespace:
    """A user namespace, and a network namespace in it where there is a loopback interface and nothing else."""

    def __init__(self) -> None:
        self._open: _Open | None = None

    def descriptors(self) -> tuple[int, int]:
        """Give the descriptors of both, user and network; raises LocalError if they cannot be made."""
        self._open = self._open or _make()
        return self._open.user, self._open.net

    async def listens(self, address: Address) -> bool:
        """Say whether a process in there listens at the port of `address`; from outside nobody can knock."""
        tables = self._open.tables if self._open else ()
        return any(_is_listening(os.pread(table, _MOST_BYTES, 0), address.port) for table in tables)

    def close(self) -> None:
        """Let go of both; they last as long as there are processes in them."""
        if self._open is not None:
            for descriptor in (self._open.user, self._open.net, *self._open.tables):
                os.close(descriptor)
            self._open = None


class Namespaces:
    """Those of a mesh, by the services' names."""

    def __init__(self) -> None:
        self._all: dict[str, Namespace] = {}

    def of(self, service: str) -> Namespace:
        """Give a service's; it is the same until the service is gone."""
        return self._all.setdefault(service, Namespace())

    def keep(self, services: Collection[str]) -> None:
        """Let go of those of all other services."""
        for name in self._all.keys() - services:
            self._all.pop(name).close()


@dataclass(frozen=True)
class Entrance:
    """How a process enters a namespace: with all rights over it, or with none and a folder `hidden` from it."""

    namespace: Namespace
    hidden: Path | None = None

    def words(self) -> tuple[tuple[str, ...], tuple[int, int]]:
        """Give what leads the command's words, and the descriptors that the process has to inherit.

        Raises LocalError if the namespace cannot be made.
        """
        descriptors = self.namespace.descriptors()
        what, hidden = ("join", ()) if self.hidden is None else ("confine", (str(self.hidden),))
        return (*_ENTER, what, *map(str, descriptors), *hidden), descriptors


def _make() -> _Open:
    maker = subprocess.Popen(
        [*_ENTER, "make"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with maker:
        assert maker.stdout is not None  # noqa: S101 - a pipe, as asked for
        assert maker.stderr is not None  # noqa: S101 - likewise
        if not maker.stdout.readline():
            raise LocalError(rights.missing(maker.stderr.read().strip()))
        of = Path(f"/proc/{maker.pid}")
        user, net = (os.open(of / "ns" / kind, os.O_RDONLY) for kind in ("user", "net"))
        # A table stays that of the namespace in which it was opened. Without IPv6 there is one.
        found = tuple(
            os.open(of / "net" / name, os.O_RDONLY) for name in _TABLES if (of / "net" / name).exists()
        )
        return _Open(user, net, found)


def _is_listening(table: bytes, port: int) -> bool:
    sockets = (line.split() for line in table.splitlines()[1:])
    return any(s[1].endswith(b":%04X" % port) and s[3] == _LISTENS for s in sockets)
