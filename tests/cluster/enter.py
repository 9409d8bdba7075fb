"""Becomes a container: `python -I -S enter.py SPEC`, a JSON file. It uses nothing but Python's own library.

    {"net": PID, "root": {path: source}, "mounts": [[source, target, writable]], "folder": …, "user": …,
     "group": …, "words": [...], "environment": {...}}

The network is that of process PID, which holds the pod's. Everything else is new: a root of the given folders,
read-only, with the volumes on top, processes that see only each other, and no capability. This process stays
outside of it, as containerd's shim does, hands signals on, and ends as the program has.

`python -I -S enter.py PID USER GROUP FOLDER WORDS…` runs a command in such a container instead.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

NEW_MOUNTS, NEW_PIDS, NEW_NET = 0x00020000, 0x20000000, 0x40000000
BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
MOUNT_SETATTR, READ_ONLY, AT_RECURSIVE, AT_FDCWD = 442, 1, 0x8000, -100
PIVOT_ROOT = 155 if os.uname().machine == "x86_64" else 41
DETACH = 2
NO_NEW_PRIVILEGES, BOUNDING_DROP, DIE_WITH_PARENT = 38, 24, 1
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """Call the C library; raises OSError."""
    if getattr(LIBC, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount."""
    kind_bytes = kind.encode() if kind else None
    options_bytes = options.encode() if options else None
    call("mount", source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), options_bytes)


def read_only(path: str) -> None:
    """Make a mount and those below it read-only (mount_setattr(2))."""
    attributes = (ctypes.c_uint64 * 4)(READ_ONLY, 0, 0, 0)
    call(
        "syscall", MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE, attributes, ctypes.sizeof(attributes)
    )


def lay(source: str, target: str) -> None:
    """Put a folder or a file of this machine at a place."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_symlink():
        Path(target).symlink_to(Path(source).readlink())
    elif Path(source).is_dir():
        Path(target).mkdir(exist_ok=True)
        mount(source, target, None, BIND | RECURSIVE)
    else:
        Path(target).touch()
        mount(source, target, None, BIND)


def lay_root(spec: dict[str, Any]) -> str:
    """Make the root: folders of the image, /proc, and mount points; then read-only, then the volumes."""
    root: str = spec["base"]
    mount("tmpfs", root, "tmpfs", 0, "mode=755")
    for path, source in spec["root"].items():
        lay(source, root + path)
    for _, target, _ in spec["mounts"]:
        if not os.path.lexists(root + target):
            Path(root + target).mkdir(parents=True)
    for needed in ("/proc", "/tmp", spec["folder"], "/.old"):
        Path(root + needed).mkdir(parents=True, exist_ok=True)
    mount("proc", root + "/proc", "proc", 0)
    read_only(root)
    for source, target, writable in spec["mounts"]:
        mount(source, root + target, None, BIND | RECURSIVE)
        if not writable:
            read_only(root + target)
        for path, of_image in spec["root"].items():
            if path.startswith(f"{target}/"):  # programs of this machine may lie where a pod has a volume
                lay(of_image, root + path)
                read_only(root + path)
    return root


def become(user: int, group: int, folder: str, words: list[str], environment: dict[str, str]) -> None:
    """Give up every right, and become the program."""
    os.chdir(folder)
    for capability in range(64):
        LIBC.prctl(BOUNDING_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0 and user >= 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    os.umask(0o022)
    os.execvpe(words[0], words, environment)


def join(process: int, kinds: dict[str, int]) -> None:
    """Enter the namespaces of a process."""
    opened = [(os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY), flag) for kind, flag in kinds.items()]
    for descriptor, flag in opened:
        call("setns", descriptor, flag)
        os.close(descriptor)


def shim(child: int) -> None:
    """Hand signals on, and end as the child has."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(128 - code if code < 0 else code)


def start(spec: dict[str, Any]) -> None:
    """Make the container, and stay as its shim."""
    os.umask(0o022)  # folders of the root are for every user, whatever who started this has set
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    join(spec["net"], {"net": NEW_NET})
    call("unshare", NEW_MOUNTS | NEW_PIDS)
    mount("none", "/", None, PRIVATE | RECURSIVE)
    child = os.fork()
    if child:
        shim(child)
    try:
        os.setsid()
        root = lay_root(spec)
        os.chdir(root)
        call("syscall", PIVOT_ROOT, b".", b".old")
        os.chdir("/")
        call("umount2", b"/.old", DETACH)
        become(spec["user"], spec["group"], spec["folder"], spec["words"], spec["environment"])
    except OSError as error:
        sys.stderr.write(f"cannot start the container: {error}\n")
        sys.stderr.flush()
        os._exit(128)


def execute(process: int, user: int, group: int, folder: str, words: list[str]) -> None:
    """Run a command in the container whose first process that is."""
    environment = dict(
        entry.split("=", 1)
        for entry in Path(f"/proc/{process}/environ").read_text().split("\0")
        if "=" in entry
    )
    join(process, {"net": NEW_NET, "pid": NEW_PIDS, "mnt": NEW_MOUNTS})
    child = os.fork()
    if child:
        shim(child)
    become(user, group, folder, words, environment)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        start(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    else:
        execute(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
