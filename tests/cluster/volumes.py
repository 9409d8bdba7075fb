"""A pod's volumes as folders: those of ConfigMaps and Secrets are swapped as a whole, as the kubelet does.

Kubernetes' pkg/volume/util/atomic_writer.go, in words of ours: the files lie in a new folder `..TIME`; `..data` is
a link to it, replaced by rename(2); each name is a link through `..data`.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.environment import Facts, NotYetError, field

_versions = itertools.count(1)
TokenMaker = Callable[[str], str]


def lay(volume: Mapping[str, Any], folder: Path, facts: Facts, token: TokenMaker, owner: int) -> bool:
    """Bring a volume's folder up to date; says whether something in it was another. Raises NotYetError."""
    if "emptyDir" in volume:
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        return False
    return swap(folder, _content(volume, facts, token), owner)


def swap(folder: Path, content: Mapping[str, bytes], owner: int) -> bool:
    """Replace all files at once."""
    data = folder / "..data"
    if data.is_symlink() and _read(data.resolve()) == content:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    new = folder / f"..version-{next(_versions)}"
    new.mkdir()
    for name, one in content.items():
        path = new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
        if name == "token" and owner >= 0 and os.geteuid() == 0:
            os.chown(path, owner, owner)
            path.chmod(0o600)
    old = data.resolve() if data.is_symlink() else None
    fresh = folder / "..data_tmp"
    fresh.symlink_to(new.name)
    fresh.rename(data)
    for name in {name.partition("/")[0] for name in content}:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for path in folder.iterdir():
        if not path.name.startswith("..") and not path.exists():
            path.unlink()
    if old is not None:
        shutil.rmtree(old)
    return True


def _read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _content(volume: Mapping[str, Any], facts: Facts, token: TokenMaker) -> dict[str, bytes]:
    if "projected" in volume:
        found: dict[str, bytes] = {}
        for source in volume["projected"]["sources"]:  # a later source wins
            found |= _source(source, facts, token)
        return found
    if "secret" in volume:
        renamed = {**volume["secret"], "name": volume["secret"]["secretName"]}
        return _source({"secret": renamed}, facts, token)
    return _source(volume, facts, token)


def _source(source: Mapping[str, Any], facts: Facts, token: TokenMaker) -> dict[str, bytes]:
    if "serviceAccountToken" in source:
        made = token(facts.pod["spec"].get("serviceAccountName", "default"))
        return {source["serviceAccountToken"]["path"]: made.encode()}
    if "downwardAPI" in source:
        items = source["downwardAPI"]["items"]
        return {item["path"]: field(item["fieldRef"]["fieldPath"], facts).encode() for item in items}
    for kind, key in (("ConfigMap", "configMap"), ("Secret", "secret")):
        if key in source:
            return _picked(kind, source[key], facts)
    raise AssertionError(f"no volume like {source}")


def _picked(kind: str, reference: Mapping[str, Any], facts: Facts) -> dict[str, bytes]:
    optional = reference.get("optional", False)
    content = facts.content(kind, reference["name"])
    if content is None:
        if optional:
            return {}
        raise NotYetError(f"{kind} {reference['name']}")
    if "items" not in reference:
        return dict(content)
    missing = [item["key"] for item in reference["items"] if item["key"] not in content]
    if missing and not optional:
        raise NotYetError(f"{missing} of {kind} {reference['name']}")
    return {item["path"]: content[item["key"]] for item in reference["items"] if item["key"] in content}
