"""What all containers have in common, and how files and folders come into them."""

from collections.abc import Mapping
from typing import Any, Final

from pillion.kubernetes.containers import FOLDER, USER

AS_PILLION: Final = f"{USER}:{USER}"

# No rights, and a root file system that nothing can be written to. What ends by itself is started again.
HARDENED: Final[Mapping[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "restart": "unless-stopped",
}
_OURS: Final = f"uid={USER},gid={USER},mode=0700"


def limits(memory: str, processes: int = 256) -> dict[str, Any]:
    """Have one container take no more than this of the machine."""
    return {"mem_limit": memory, "pids_limit": processes}


def check(command: list[str], *, start: str = "60s") -> dict[str, Any]:
    """Say how a container is by a command in it; until it is well for the first time, often."""
    return {
        "test": ["CMD", *command],
        "interval": "15s",
        "timeout": "10s",
        "retries": 4,
        "start_period": start,
        "start_interval": "1s",
    }


def file(source: str, target: str) -> dict[str, Any]:
    """Mount a file or a folder that lies beside compose.yaml; a container cannot change it."""
    return {
        "type": "bind",
        "source": source,
        "target": _below(target),
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def volume(name: str, target: str, *, writable: bool = False) -> dict[str, Any]:
    """Mount a volume."""
    return {"type": "volume", "source": name, "target": _below(target), "read_only": not writable}


def memory(target: str, size: str = "1m") -> str:
    """Give a folder of its own, which is gone when the container is."""
    return f"{_below(target)}:size={size},{_OURS}"


def in_memory(size: str = "1m") -> dict[str, Any]:
    """Describe a volume that never is on a disk: for keys, and for sockets."""
    return {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": f"size={size},{_OURS}"}}


def scratch() -> str:
    """Give a folder for what programs put down for a while."""
    return "/tmp:size=64m,mode=1777"  # noqa: S108 - in a container


def _below(target: str) -> str:
    return target if target.startswith("/") else f"{FOLDER}/{target}"
