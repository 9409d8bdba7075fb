"""`pillion inject`: put the sidecar into manifests."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from pillion.cli import topology_option
from pillion.kubernetes.inject import facts_of
from pillion.kubernetes.inject.documents import INJECTED, Done, Mesh, Result, inject
from pillion.problem import InvalidInputError, Place, Problem

_STANDARD_INPUT = "-"
_LACKS = "lacks the sidecar that 'pillion inject' gives it"


@click.command
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="A file of manifests, as often as there are files; - is standard input.  [default: -]",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 if a sidecar is missing or is not the right one."
)
@click.option("--namespace", metavar="NAME", help="Where the mesh runs.  [default: the mesh's name]")
@click.option(
    "--topology",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The topology file.  [default: pillion.yaml in this folder or the nearest parent]",
)
def command(files: Sequence[str], *, check: bool, namespace: str | None, topology: Path | None) -> None:
    """Add the sidecar to the pods of services in Kubernetes manifests, and print these.

    Reads Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs and Pods among whatever else there is.
    Those belong to the mesh whose pods have the label pillion.dev/service, or whose own name is a service's; all
    else is printed as it was, to the byte. What was done to which object is said on standard error, and what of it
    leads past the sidecar. Twice gives the same as once.

    \b
    Example:
        kubectl kustomize overlays/production | pillion inject | kubectl apply -f -
        pillion inject -f orders.yaml -f inventory.yaml > injected.yaml
        pillion inject --check -f injected.yaml        # in CI
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    _, read = topology_option.read_for_pods(topology)
    mesh = Mesh(namespace or read.mesh, facts_of(read))
    results = [inject(_name(file), _text(file), mesh) for file in files or (_STANDARD_INPUT,)]
    if problems := [problem for result in results for problem in result.problems]:
        raise InvalidInputError(problems)
    done = [done for result in results for done in result.done]
    click.echo(
        "".join(f"{line}\n" for each in done for line in _report(each, check=check)), err=True, nl=False
    )
    if check:
        missing = sum(each.outcome == INJECTED for each in done)
        click.get_current_context().exit(1 if missing else 0)
    sys.stdout.buffer.write(_joined(results).encode())


def _report(done: Done, *, check: bool) -> Iterator[str]:
    outcome = _LACKS if check and done.outcome == INJECTED else done.outcome
    yield f"{done.place}: {done.title}: {outcome}"
    for warning in done.warnings:
        hint = f" ({warning.hint})" if warning.hint else ""
        yield f"{warning.place}: warning: {warning.key}: {warning.message}{hint}"


def _name(file: str) -> str:
    return "<stdin>" if file == _STANDARD_INPUT else file


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == _STANDARD_INPUT else Path(file).read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file}: {(error.strerror or 'input/output error').lower()}") from None
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise InvalidInputError(
            [Problem(Place(_name(file), line, 1), "file-not-utf8", "", message)]
        ) from None


def _joined(results: Sequence[Result]) -> str:
    """Put files after each other, with what begins a document between them where the next one lacks it."""
    whole = ""
    for result in results:
        if whole and not whole.endswith("\n"):
            whole += "\n"
        whole += result.text if not whole or result.text.startswith("---") else f"---\n{result.text}"
    return whole
