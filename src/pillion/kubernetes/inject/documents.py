"""A file of manifests, document by document: those of the mesh get the sidecar, others stay to the byte."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from pillion.kubernetes.inject import edits, places
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.inject.pod import SERVICE_LABEL, pod
from pillion.kubernetes.inject.remark import Path, RefusedError, Remark, key
from pillion.kubernetes.inject.workloads import Unknown, Workload, workloads
from pillion.kubernetes.inject.yaml_text import BrokenYamlError, load
from pillion.problem import Place, Problem
from pillion.topology.wording import did_you_mean, quote

_START: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_JSON: Final = re.compile(r"\s*\{(?:\r?\n([ \t]+))?")

INJECTED: Final = "injected"
ALREADY: Final = "already injected"
STRANGE: Final = "not of the mesh"


@dataclass(frozen=True)
class Mesh:
    """The services, and the namespace in which they run."""

    namespace: str
    services: Mapping[str, ServiceFacts]


@dataclass(frozen=True)
class Done:
    """What became of one object."""

    place: Place
    title: str
    outcome: str
    warnings: tuple[Problem, ...] = ()


@dataclass
class Result:
    """A file after injection: its text, what became of each object, and what is wrong with the input."""

    text: str = ""
    done: list[Done] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def inject(file: str, text: str, mesh: Mesh) -> Result:
    """Put the sidecar into every workload of the mesh; a document with problems stays as it was."""
    result = Result()
    line = 0
    for document in _split(text):
        changed = _Document(file, line, document, mesh, result)
        result.text += changed.text()
        line += document.count("\n")
    return result


def _split(text: str) -> Iterator[str]:
    """Take the text apart where a line begins a document (YAML 1.2.2, section 9.1.4)."""
    starts = [0, *(found.start() for found in _START.finditer(text) if found.start())]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text[start:end]


@dataclass(frozen=True)
class _Document:
    file: str
    lines_before: int
    was: str
    mesh: Mesh
    result: Result

    def text(self) -> str:
        """Give the text of the document, with sidecars if it has workloads of the mesh."""
        try:
            old = load(self.was)
        except BrokenYamlError as error:
            place = Place(self.file, self.lines_before + error.line, error.column)
            self.result.problems.append(Problem(place, "yaml-syntax", "", str(error)))
            return self.was
        new = deepcopy(old)
        for workload in workloads(old):
            if isinstance(workload, Unknown):
                self._unknown(workload)
            elif changed := self._changed(workload):
                new = _put(new, workload.at, changed)
        if new == old:
            return self.was
        try:
            return _rewritten(self.was, old, new)
        except edits.UneditableError:
            hint = "write out what stands behind '&' and '*'"
            self._problem("yaml-aliases", (), "YAML's aliases are in the way of the sidecar", hint)
            return self.was

    def _changed(self, workload: Workload) -> dict[str, Any] | None:
        """Give the workload's pod template with the sidecar, None where it is not of the mesh or cannot be."""
        facts = self._service(workload)
        if facts is None:
            return None
        try:
            injected = pod(workload.template, facts)
        except RefusedError as error:
            for remark in error.remarks:
                self._problem("unprotected-pod", (*workload.at, *remark.path), remark.message, remark.hint)
            return None
        warnings = tuple(sorted(self._warning(workload.at, remark) for remark in injected.warnings))
        already = injected.template == workload.template
        self._done(workload.at, workload.title, ALREADY if already else INJECTED, warnings)
        return injected.template

    def _service(self, workload: Workload) -> ServiceFacts | None:
        """Say whose pods they are: the label says it, or else the workload's name."""
        label, services = workload.label, self.mesh.services
        elsewhere = workload.namespace not in {None, self.mesh.namespace}
        path = (*workload.at, "metadata", "labels", SERVICE_LABEL)
        if label is None:
            if workload.name not in services:
                self._done(workload.at, workload.title, STRANGE)
            elif elsewhere:
                why = f"{STRANGE}: it is in namespace {workload.namespace}, the mesh in {self.mesh.namespace}"
                self._done(workload.at, workload.title, why)
            else:
                return services[workload.name]
        elif not isinstance(label, str) or label not in services:
            shown = str(label)
            hint = did_you_mean(shown, services)
            self._problem("unknown-service", path, f"no service is named {quote(shown)}", hint)
        elif elsewhere:
            message = f"the mesh is in namespace {self.mesh.namespace}, this in {workload.namespace}"
            self._problem("other-namespace", path, message, "say with --namespace where the mesh is")
        else:
            return services[label]
        return None

    def _unknown(self, unknown: Unknown) -> None:
        if unknown.name in self.mesh.services:
            outcome = f"left as it is: label its pods {SERVICE_LABEL}, and the webhook gives them the sidecar"
            self._done(unknown.at, unknown.title, outcome)

    def _done(self, at: Path, title: str, outcome: str, warnings: tuple[Problem, ...] = ()) -> None:
        self.result.done.append(Done(self._place(_object(at)), title, outcome, warnings))

    def _warning(self, at: Path, remark: Remark) -> Problem:
        path = (*at, *remark.path)
        return Problem(self._place(path), "warning", key(path), remark.message, remark.hint)

    def _problem(self, code: str, path: Path, message: str, hint: str) -> None:
        self.result.problems.append(Problem(self._place(path), code, key(path), message, hint))

    def _place(self, path: Path) -> Place:
        line, column = places.find(self.was, path)
        return Place(self.file, self.lines_before + line, column)


def _object(at: Path) -> Path:
    """Cut the path of a pod template down to that of its object."""
    return at[:2] if at[:1] == ("items",) else ()


def _put(document: Any, at: Path, value: dict[str, Any]) -> Any:
    if not at:
        # A pod is its own template, and more.
        return {**document, **value}
    document[at[0]] = _put(document[at[0]], at[1:], value)
    return document


def _rewritten(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """Say `new` in the document's text, and read it again to be sure."""
    found = _JSON.match(text)
    if found:
        indent = found[1]
        written = json.dumps(new, indent=indent, ensure_ascii=False) + "\n" * text.endswith("\n")
    else:
        written = edits.edited(text, old, new)
    if load(written) != new:
        raise edits.UneditableError
    return written
