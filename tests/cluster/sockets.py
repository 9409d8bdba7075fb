"""Hands out sockets that are made in a pod's network, or the node's: who has one talks from there.

Whoever connects says the pod's name, or none for the node, and is sent the socket (unix(7), SCM_RIGHTS).
"""

import asyncio
import ctypes
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_NEW_NET: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
# Gives the process that holds a pod's network; None for the node's.
Holder = Callable[[str], int | None]


def ask(path: Path, pod: str) -> socket.socket:
    """Get a TCP socket of a pod's network, or of the node's for no name; raises LookupError for an unknown pod."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"{pod}\n".encode())
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    if not descriptors:
        raise LookupError(f"there is no pod {pod}")
    return socket.socket(fileno=descriptors[0])


async def serve(path: Path, holder: Holder) -> None:
    """Hand them out for good."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(512)
        listener.settimeout(0)
        while True:
            connection, _ = await loop.sock_accept(listener)
            with connection, suppress(KeyError, OSError):  # there is no such pod: nothing is sent
                asked = (await loop.sock_recv(connection, 512)).decode().strip()
                with _made(holder(asked)) as made:
                    socket.send_fds(connection, [b"+"], [made.fileno()])


def _made(process: int | None) -> socket.socket:
    """Make one in the network of a process. There is no other task of this thread that might see it there."""
    if process is None:
        return socket.socket()
    with Path("/proc/self/ns/net").open("rb") as ours, Path(f"/proc/{process}/ns/net").open("rb") as theirs:
        _enter(theirs.fileno())
        try:
            return socket.socket()
        finally:
            _enter(ours.fileno())


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _NEW_NET) < 0:
        raise OSError(ctypes.get_errno(), "setns")
