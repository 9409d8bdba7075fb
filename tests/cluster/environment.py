"""A container's variables, and what its words come to with them, as a kubelet works them out."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# $(NAME) is a variable's value, $$(NAME) stands for itself; what is not known stays as it is.
_REFERENCE = re.compile(r"\$\$|\$\(([^()]+)\)")


class NotYetError(Exception):
    """A Secret, ConfigMap or key that is named is not there: the container waits (CreateContainerConfigError)."""


@dataclass(frozen=True)
class Facts:
    """What a pod's variables may be taken from."""

    pod: Mapping[str, Any]
    address: str
    content: Callable[[str, str], Mapping[str, bytes] | None]


def variables(container: Mapping[str, Any], facts: Facts) -> dict[str, str]:
    """Give all variables of a container; a later one may name earlier ones."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= _all_of(source, facts)
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            value = _taken(entry["valueFrom"], facts)
            if value is not None:
                found[entry["name"]] = value
        else:
            found[entry["name"]] = expanded(entry.get("value", ""), found)
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Put in variables' values."""
    return _REFERENCE.sub(lambda match: "$" if match[0] == "$$" else known.get(match[1], match[0]), text)


def words(container: Mapping[str, Any], default: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """Give the command line: `command` replaces the image's own, `args` what follows it."""
    command = container.get("command") or ([] if container.get("args") and not default else [*default])
    return [expanded(word, known) for word in (*command, *container.get("args", ()))]


def _all_of(source: Mapping[str, Any], facts: Facts) -> dict[str, str]:
    for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
        if key in source:
            content = facts.content(kind, source[key]["name"])
            if content is None and not source[key].get("optional"):
                raise NotYetError(f"{kind} {source[key]['name']}")
            return {source.get("prefix", "") + name: data.decode() for name, data in (content or {}).items()}
    raise AssertionError(f"envFrom: {source}")


def _taken(source: Mapping[str, Any], facts: Facts) -> str | None:
    for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if key in source:
            reference = source[key]
            content = facts.content(kind, reference["name"]) or {}
            if reference["key"] in content:
                return content[reference["key"]].decode()
            if reference.get("optional"):
                return None
            raise NotYetError(f"{reference['key']} of {kind} {reference['name']}")
    return field(source["fieldRef"]["fieldPath"], facts)


def field(path: str, facts: Facts) -> str:
    """Give one field of the downward API."""
    metadata = facts.pod["metadata"]
    labelled = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if labelled:
        return str(metadata.get(labelled[1], {}).get(labelled[2], ""))
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "status.podIP": facts.address,
        "spec.nodeName": "node",
        "spec.serviceAccountName": facts.pod["spec"].get("serviceAccountName", "default"),
    }
    return str(known[path])
