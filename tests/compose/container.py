"""One container of a project: what its description comes to for a program of `tests/cluster`."""

import os
import pwd
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import postgres
from tests.cluster import images
from tests.cluster.program import RESOLV_CONF, Program

# All that the engine knows: what else stands in a description would be overlooked.
KNOWN: Final = {
    *(
        "image",
        "user",
        "working_dir",
        "entrypoint",
        "command",
        "environment",
        "init",
        "read_only",
        "cap_drop",
    ),
    *(
        "security_opt",
        "restart",
        "mem_limit",
        "pids_limit",
        "shm_size",
        "stop_grace_period",
        "volumes",
        "tmpfs",
    ),
    *("network_mode", "networks", "depends_on", "healthcheck", "ports"),
}
# What the image's own entrypoint does, in short: a database the first time, and then the server.
_POSTGRES: Final = """
set -e; data=/var/lib/postgresql/data
if ! [ -s $data/PG_VERSION ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust $POSTGRES_INITDB_ARGS >/dev/null
    echo "create database $POSTGRES_DB" | postgres --single -D $data postgres >/dev/null
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
fi
exec postgres -D $data -c "listen_addresses=*" -c unix_socket_directories=/var/run/postgresql
"""


@dataclass(frozen=True)
class Image:
    """What counts of an image here."""

    root: dict[str, str]
    path: str
    command: tuple[str, ...]
    folder: str


def _image(name: str) -> Image:
    if name.startswith("postgres:"):
        base = images.find("python:3")
        return Image(base.root, postgres.programs(), ("sh", "-c", _POSTGRES), "/")
    found = images.find(name)
    return Image(found.root, found.path, found.command, found.folder)


class Container:
    """A container by its description."""

    def __init__(self, name: str, spec: Mapping[str, Any], project: Path, folder: Path) -> None:
        assert not (strange := {*spec} - KNOWN), f"{name}: the engine knows nothing of {strange}"
        assert spec["read_only"], name
        assert (spec["cap_drop"], spec["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        self.name, self.spec = name, spec
        self.folder = folder / "containers" / name
        self.folder.mkdir(parents=True)
        self.program = Program(self.folder / "log")
        self._project, self._volumes = project, folder / "volumes"
        self._image = _image(spec["image"])

    async def start(self, network: int, resolv_conf: Path) -> None:
        """Start it in the network that this process holds."""
        user, group = self._owner()
        known = {"PATH": self._image.path, "HOME": "/"} | dict(self.spec.get("environment", {}))
        words = [*self.spec.get("entrypoint", ()), *(self.spec.get("command") or self._image.command)]
        spec = {
            "net": network,
            "root": self._image.root,
            "mounts": [
                *sorted(self._mounts(), key=lambda one: one[1]),
                (str(resolv_conf), RESOLV_CONF, False),
            ],
            "folder": self._working_dir(),
            "user": user,
            "group": group,
            "words": words,
            "environment": known,
        }
        await self.program.start(spec)

    async def execute(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in it; gives its exit code and what it said."""
        code, said = await self.program.output(command, self._owner(), self._working_dir())
        return code, said.decode(errors="replace")

    async def healthy(self) -> bool:
        """Run its check."""
        kind, *command = self.spec["healthcheck"]["test"]
        assert kind == "CMD"
        return (await self.execute(command))[0] == 0

    def _working_dir(self) -> str:
        return str(self.spec.get("working_dir") or self._image.folder)

    def _owner(self) -> tuple[int, int]:
        user, _, group = str(self.spec.get("user", "65534:65534")).partition(":")
        if user.isdigit():
            return int(user), int(group)
        named = pwd.getpwnam(user)
        return named.pw_uid, named.pw_gid

    def _mounts(self) -> list[tuple[str, str, bool]]:
        mounts = []
        for one in self.spec.get("volumes", ()):
            if one["type"] == "bind":
                source = self._project / one["source"]
                assert source.exists(), f"{source}: create_host_path is false"
                assert one["read_only"], source
            else:
                source = self._volumes / one["source"]
            mounts.append((str(source), one["target"], not one["read_only"]))
        for index, one in enumerate(self.spec.get("tmpfs", ())):
            target, _, options = one.partition(":")
            source = self.folder / f"tmpfs{index}"
            if not source.exists():
                make_folder(source, dict(each.split("=") for each in options.split(",")))
            mounts.append((str(source), target, True))
        return mounts


def make_folder(path: Path, options: Mapping[str, str]) -> None:
    """Make what a tmpfs with these options would be, but for its size."""
    path.mkdir(parents=True)
    if "uid" in options:
        os.chown(path, int(options["uid"]), int(options["gid"]))
    path.chmod(int(options.get("mode", "1777"), 8))


def make_volume(path: Path, spec: Mapping[str, Any], name: str) -> None:
    """Make a volume; one without options takes the owner of the image's folder that it is mounted over."""
    if spec:
        options = spec["driver_opts"]
        assert (options["type"], options["device"]) == ("tmpfs", "tmpfs")
        make_folder(path, dict(each.split("=") for each in options["o"].split(",")))
    else:
        path.mkdir(parents=True)
        path.chmod(0o700)
        shutil.chown(path, *(("postgres", "postgres") if name == "database" else (10101, 10101)))
