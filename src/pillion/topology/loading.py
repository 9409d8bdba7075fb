"""From a file to a topology, or to everything that is wrong with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pillion.problem import InvalidInputError, Problem
from pillion.topology.checks import CHECKS
from pillion.topology.checks.pods import check_pods
from pillion.topology.draft import Draft, draft
from pillion.topology.files import check_breached_passwords, check_tls_files, read_text
from pillion.topology.finding import Finding, KeyPath
from pillion.topology.model import Topology
from pillion.topology.nodes import BrokenTextError, parse
from pillion.topology.source import Source, line_lengths, place, read_nodes
from pillion.topology.translate import validate


def load(path: Path, environ: Mapping[str, str]) -> Topology:
    """Read the topology in the file at `path`, with `${NAME}` taken from `environ`.

    Raises InvalidInputError with every problem at once, in the order of the file. Problems name the file as
    `path` does, and never hold a value of `environ`.
    """

    def check_files(sketch: Draft) -> Iterator[Finding]:
        yield from check_tls_files(sketch, path.parent)
        yield from check_breached_passwords(sketch, path.parent)

    return _checked(_read(path, environ), (*CHECKS, check_files))


def load_for_pods(path: Path, environ: Mapping[str, str]) -> Topology:
    """Read it for what runs in pods: secrets stay variables, and neither they nor files need to be here.

    Otherwise like `load`; some of what a laptop can do pods cannot.
    """
    return _checked(_read(path, environ, leave_secrets=True), (*CHECKS, check_pods))


def _checked(source: Source, checks: Iterable[Callable[[Draft], Iterable[Finding]]]) -> Topology:
    findings = list(source.findings)
    topology, misfits = validate(source, _unusable(findings))
    findings += misfits
    sketch = draft(source, _unusable(findings))
    for check in checks:
        findings += check(sketch)
    if findings or topology is None:
        raise InvalidInputError(map(source.problem, findings))
    return topology


def _read(path: Path, environ: Mapping[str, str], *, leave_secrets: bool = False) -> Source:
    file, text = str(path), read_text(path)
    try:
        return read_nodes(file, text, parse(text), environ, leave_secrets=leave_secrets)
    except BrokenTextError as error:
        where = place(file, line_lengths(text), error.mark)
        raise InvalidInputError([Problem(where, error.code, "", error.message, error.hint)]) from None


def _unusable(findings: list[Finding]) -> frozenset[KeyPath]:
    """Say at which paths no usable value stands; a finding about a key leaves the value usable."""
    return frozenset(f.path for f in findings if not f.on_key and f.mark is None)
