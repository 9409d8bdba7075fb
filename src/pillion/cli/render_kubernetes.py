"""`pillion render kubernetes`: manifests for Kustomize and for Helm, without a cluster."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from pillion.cli import output_option, topology_option
from pillion.kubernetes import overlay
from pillion.kubernetes.base import MADE
from pillion.kubernetes.files import Manifests, TakenNameError, TooLongError, manifests, render
from pillion.kubernetes.inject.facts import SocketError
from pillion.kubernetes.names import SECRET
from pillion.kubernetes.told import DATABASE_VARIABLE
from pillion.topology import Topology

# Written once: from then on it is the user's.
_OVERLAYS: Final = "overlays"
_WRITTEN_ANEW: Final = ("base", "components", "chart")


# Ports below this one are root's, unless a node says otherwise (net.ipv4.ip_unprivileged_port_start).
_PRIVILEGED: Final = 1024

# Helm keeps a release in one object of the cluster, at most 1 MiB, where a chart of this many bytes came to that.
_HELM_BYTES: Final = 2_500_000


# RFC 1123, section 2.1: what Kubernetes takes for a namespace, and for a domain.
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_DOMAIN: Final = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*", re.ASCII)


def _name(value: str | None, form: re.Pattern[str]) -> str | None:
    if value is not None and not form.fullmatch(value):
        raise click.BadParameter(
            f"'{value}' is no name that Kubernetes takes: a-z, 0-9, and '-' within; 63 characters at most"
        )
    return value


class _BadInputError(click.ClickException):
    exit_code = 2


@click.command("kubernetes")
@output_option.option("Where to write base/, components/, chart/, and overlays/ if there is none yet.")
@click.option(
    "--namespace",
    metavar="NAME",
    callback=lambda _, __, value: _name(value, _LABEL),
    help="The namespace.  [default: the name of the mesh]",
)
@click.option(
    "--cluster-domain",
    default="cluster.local",
    show_default=True,
    metavar="DOMAIN",
    callback=lambda _, __, value: _name(value, _DOMAIN),
    help="The cluster's domain.",
)
@topology_option.option
def command(output: Path, namespace: str | None, cluster_domain: str, file: Path | None) -> None:
    """Write what a cluster applies: manifests with Kustomize, and the same as a Helm chart.

    No secret is in them, and none is needed to make them: where the topology has ${NAME} for one, so have they.
    What is in base/, components/ and chart/ is written anew each time; overlays/ is yours
    from the first time on.

    \b
    Example:
        pillion render kubernetes -o k8s
        cp -r k8s/overlays/example k8s/overlays/production    # and change that
        kubectl apply --server-side -k k8s/overlays/production
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    path, topology = topology_option.read_for_pods(file)
    try:
        made = manifests(topology, namespace, cluster_domain)
        files = render(made)
        _refuse_strange(output)
        _replace(output, files)
    except (TakenNameError, TooLongError, SocketError) as error:
        raise _BadInputError(f"{path.name}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or 'i/o error').lower()}") from None
    for warning in (*_warnings(topology), *_too_long_for_helm(files)):
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"wrote {len(files)} files for namespace {made.cluster.namespace} to {output}")
    for line in _next(made, output):
        click.echo(line)


def _refuse_strange(output: Path) -> None:
    """Stop unless all that would be replaced was written by this command."""
    for folder in _WRITTEN_ANEW:
        for path in sorted((output / folder).rglob("*")):
            if path.is_file() and not _is_ours(path):
                raise click.ClickException(
                    f"{path} was not written by this command, and would be lost: put it elsewhere (an overlay)"
                )


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MADE) + 2) == f"# {MADE}".encode()


def _replace(output: Path, files: dict[str, str]) -> None:
    """Write the files, and remove those of before that are no more."""
    keeps = (output / _OVERLAYS).exists()
    for name, text in files.items():
        if keeps and Path(name).parts[0] == _OVERLAYS:
            continue
        target = output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for folder in _WRITTEN_ANEW:
        for path in (output / folder).rglob("*"):
            if path.is_file() and str(path.relative_to(output)) not in files:
                path.unlink()


def _warnings(topology: Topology) -> Iterator[str]:
    origin = topology.edge.origin
    if topology.identity.database == "sqlite":
        yield (
            "identity.database is sqlite, and pods share no file: they take the URL of a PostgreSQL from"
            f" {DATABASE_VARIABLE} in the Secret"
        )
    if topology.edge.listen.port < _PRIVILEGED:
        yield (
            f"edge.listen has port {topology.edge.listen.port}, which not every cluster lets a container take that"
            " has no rights: write 8443, and people still come by the Service's own port"
        )
    if "//localhost" in origin or "//127." in origin or "//[::1]" in origin:
        yield f"edge.origin is {origin}: browsers elsewhere cannot sign in; write the address that they will use"
    elif origin.startswith("http://"):
        yield f"edge.origin is {origin}: passwords and cookies would travel in clear; write an https one"


def _too_long_for_helm(files: dict[str, str]) -> Iterator[str]:
    if sum(len(text) for name, text in files.items() if name.startswith("chart/")) > _HELM_BYTES:
        yield (
            "the chart is longer than what Helm keeps of a release in a cluster: apply an overlay,"
            " or let Helm keep it elsewhere (HELM_DRIVER=sql)"
        )


def _next(made: Manifests, output: Path) -> Iterator[str]:
    """Say what is to be done before that can be applied."""
    if made.without_image:
        yield f"  no image in pillion.yaml: {', '.join(made.without_image)}"
        yield "    their own manifests go through 'pillion inject'"
    yield f"  the Secret {SECRET} needs {', '.join(made.variables)}"
    yield f"    see {output / overlay.FOLDER / 'secrets.env.example'}"
    yield f"  then: kubectl apply --server-side -k {output / _OVERLAYS}/YOURS"
