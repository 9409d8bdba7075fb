"""A program that makes a service's namespaces, or starts another program in them.

It is run as `python -I -S enter.py …`, and uses nothing but Python's own library:

    make                            makes them, says so, and waits until its standard input ends
    join USER NET WORDS…            becomes a program in them: the sidecar
    confine USER NET HIDDEN WORDS…  becomes one without any right over them, for which HIDDEN is empty: the service

USER and NET are descriptors of the two namespaces. What cannot be done is one line on standard error: the step,
and what the system says.
"""

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# <linux/sched.h>, <linux/mount.h>, <linux/sockios.h>, <linux/if.h>
_NEW_MOUNTS: Final = 0x00020000
_NEW_USER: Final = 0x10000000
_NEW_NET: Final = 0x40000000
_PRIVATE: Final = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC
_READ_ONLY: Final = 1 | 2 | 4 | 8  # MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
_SET_FLAGS: Final = 0x8914
_UP: Final = 1

# What ENOSPC means here: user_namespaces(7).
LIMIT_REACHED: Final = "the system's limit is reached"

# Nobody else is in this network: any port may be listened at.
_FIRST_PORT_OF_ALL: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def make() -> None:
    """Make a user namespace and, owned by it, a network namespace with a loopback interface alone."""
    with _step("make a user namespace"):
        _unshare_user()
    with _step("make a network namespace"):
        _call("unshare", _NEW_NET)
    with _step("bring up the loopback interface of a network namespace"), socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))
    with suppress(OSError):  # a container may forbid it: only a service below port 1024 would notice
        _FIRST_PORT_OF_ALL.write_text("0", encoding="ascii")
    print("made", flush=True)  # noqa: T201 - who started this waits for it
    sys.stdin.read()


def join(user: int, net: int) -> None:
    """Enter both."""
    with _step("enter a service's namespaces"):
        _call("setns", user, _NEW_USER)
        _call("setns", net, _NEW_NET)
    os.close(user)
    os.close(net)


def confine(hidden: str) -> None:
    """Hide a folder, and give up all rights over the namespaces that were joined before.

    The program gets a user namespace further in. From there it can neither change nor leave this network, nor look
    into a process outside (ptrace(2): /proc/PID/root would show the folder), whichever user it runs as. Nor can it
    take the empty folder away: mounts that come along into such a namespace are locked (mount_namespaces(7)).
    """
    with _step("hide a folder in a mount namespace"):
        _call("unshare", _NEW_MOUNTS)
        _call("mount", None, b"/", None, _PRIVATE, None)
        _call("mount", b"tmpfs", os.fsencode(hidden), b"tmpfs", _READ_ONLY, b"size=4k,mode=555")
    with _step("make a user namespace in a user namespace"):
        _unshare_user(_NEW_MOUNTS)


def _unshare_user(others: int = 0) -> None:
    """Enter a new user namespace, where this user and group are who they are, and nobody else exists."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _NEW_USER | others)
    # user_namespaces(7): who has no right over the parent may map just this, and groups only without setgroups(2).
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line, encoding="ascii")


def _call(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if name == "mount":
        function.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        sys.exit(f"{name}: {LIMIT_REACHED if full else (error.strerror or 'input/output error').lower()}")


def _become(words: list[str]) -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so
        signal.signal(number, signal.SIG_DFL)
    # As it was inherited: where no locale is set, Python has added one (PEP 538).
    inherited = Path("/proc/self/environ").read_bytes().split(b"\0")
    environment = dict(entry.split(b"=", 1) for entry in inherited if b"=" in entry)
    with _step(words[0]):
        os.execvpe(words[0], words, environment)  # noqa: S606 - no shell is what is wanted


def main(what: str, *words: str) -> None:
    """Do as the words say."""
    if what == "make":
        make()
        return
    join(int(words[0]), int(words[1]))
    rest = list(words[2:])
    if what == "confine":
        confine(rest.pop(0))
    _become(rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
