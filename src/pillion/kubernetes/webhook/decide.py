"""What is to become of a pod that somebody makes or changes: the sidecar added, let in, or refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pillion.kubernetes import inject
from pillion.kubernetes.containers import SIDECAR, VOLUMES
from pillion.kubernetes.inject import RefusedError, Remark, ServiceFacts, not_theirs, shape
from pillion.kubernetes.inject.refusals import refusals
from pillion.kubernetes.inject.remark import Manifest, Path
from pillion.kubernetes.names import COMPONENT_LABEL, SERVICE_LABEL
from pillion.kubernetes.webhook.config import Config
from pillion.kubernetes.webhook.protected import agrees, lacking
from pillion.topology.wording import did_you_mean, quote

_LABEL: Final[Path] = ("metadata", "labels", SERVICE_LABEL)


@dataclass(frozen=True)
class Verdict:
    """Why a pod is refused, if at all; else what to change of it (RFC 6902), and what to say about it."""

    refused: tuple[Remark, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()
    warnings: tuple[Remark, ...] = ()


def mutate(config: Config, image: str, namespace: str, pod: Manifest) -> Verdict:
    """Add to a new pod of a service what `pillion inject` adds; one that has all of it stays as it is."""
    try:
        facts = _facts(config, namespace, pod)
        if facts is None:
            return Verdict()
        injected = inject.pod(pod, facts, image)
    except RefusedError as error:
        return Verdict(refused=error.remarks)
    return Verdict(patch=tuple(_patch(pod, injected.template)), warnings=injected.warnings)


def validate(config: Config, image: str, namespace: str, pod: Manifest, old: Manifest | None) -> Verdict:
    """Refuse a pod of a service that lacks its sidecar, and one that is nobody's and uses what is Pillion's.

    Of a change, refuse what it makes worse: a pod that an older version let in can still be labelled and ended.
    """
    try:
        for each in (pod, *([] if old is None else [old])):
            shape.check(each)
    except RefusedError as error:
        return Verdict(refused=error.remarks)
    remarks = [*_remarks(config, image, namespace, pod)]
    if old is None:
        return Verdict(refused=tuple(remarks))
    was, component = _label(old, SERVICE_LABEL), _label(old, COMPONENT_LABEL)
    if was not in {None, _label(pod, SERVICE_LABEL)}:
        message = f"a pod of {quote(str(was))} stays one: others know its address as that"
        return Verdict(refused=(Remark(_LABEL, message, "make another pod"),))
    if component != _label(pod, COMPONENT_LABEL):
        message = "a pod becomes none of Pillion's own later"
        remarks.append(Remark(("metadata", "labels", COMPONENT_LABEL), message, "leave it as it is"))
    if was == _label(pod, SERVICE_LABEL):
        known = {*_remarks(config, image, namespace, old)}
        remarks = [remark for remark in remarks if remark not in known]
    return Verdict(refused=tuple(remarks))


def _remarks(config: Config, image: str, namespace: str, pod: Manifest) -> Iterator[Remark]:
    try:
        facts = _facts(config, namespace, pod)
    except RefusedError as error:
        yield from error.remarks
        return
    if facts is None:
        yield from not_theirs.remarks(pod["spec"])
    else:
        yield from refusals(pod)
        yield from lacking(pod, facts, image)


def _facts(config: Config, namespace: str, pod: Manifest) -> ServiceFacts | None:
    """Say which service the pod is of, None for none; raises RefusedError if that cannot be or is not known."""
    shape.check(pod)
    if namespace != config.namespace:
        # The cluster was told to ask about this namespace, and we of another: better nobody gets in.
        message = f"the mesh is in namespace '{config.namespace}', not in '{namespace}'"
        raise RefusedError([Remark(("metadata", "namespace"), message, "render the manifests anew")])
    name = _label(pod, SERVICE_LABEL)
    if name is None:
        return None
    if name not in config.services:
        hint = (
            did_you_mean(name, config.services) or "add it to pillion.yaml, and apply what is rendered first"
        )
        raise RefusedError([Remark(_LABEL, f"no service is named {quote(name)}", hint)])
    return config.facts(name)


def _label(pod: Manifest, name: str) -> str | None:
    labels: Manifest = (pod.get("metadata") or {}).get("labels") or {}
    value: str | None = labels.get(name)
    return value


def _patch(pod: Manifest, wanted: Manifest) -> Iterator[dict[str, Any]]:
    """Say how the one becomes the other. What is as it should be keeps what the API server filled in."""
    old, new = pod["spec"], dict(wanted["spec"])
    for key, ours in (("initContainers", {SIDECAR}), ("volumes", VOLUMES)):
        kept = [_as_it_was(old.get(key), one) if one["name"] in ours else one for one in new[key]]
        in_place = key == "volumes" and _same_items(old.get(key), kept)
        new[key] = old[key] if in_place else kept
    for key, value in new.items():
        if old.get(key) != value:
            # 'add' replaces what is there.
            yield {"op": "add", "path": f"/spec/{key}", "value": value}


def _as_it_was(were: list[Any] | None, wanted: Manifest) -> Manifest:
    found = [one for one in were or () if one["name"] == wanted["name"]]
    return found[0] if len(found) == 1 and agrees(found[0], wanted) else wanted


def _same_items(were: list[Any] | None, are: list[Any]) -> bool:
    """Whatever their order: the API server itself adds volumes at the end."""
    left = [*(were or ())]
    for one in are:
        if one not in left:
            return False
        left.remove(one)
    return not left
