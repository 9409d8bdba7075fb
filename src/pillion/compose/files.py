"""All files of a project of Compose, by their paths."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pillion.compose import containers, envoys, names, networks, programs, services
from pillion.envoy import names as files
from pillion.envoy.files import pod_names, render_pod
from pillion.envoy.secrets import INLINE_SECRETS
from pillion.kubernetes import told
from pillion.kubernetes.containers import FOLDER
from pillion.kubernetes.inject import facts_of
from pillion.kubernetes.names import CONTROL, EDGE, IDENTITY
from pillion.kubernetes.text import manifest
from pillion.plan import Plan, in_containers
from pillion.topology import Topology

MADE: Final = (
    "Made by 'pillion render compose', which writes it anew: change pillion.yaml, or compose.override.yaml."
)
COMPOSE_FILE: Final = "compose.yaml"
EXAMPLE_FILE: Final = ".env.example"


def render(topology: Topology) -> dict[str, str]:
    """Write them all. The same topology gives the same bytes; no secret is in them. Raises SocketError."""
    plan = in_containers(topology)
    workloads = {"mesh": topology.mesh, "workloads": dict(sorted(plan.spiffe_ids.items()))}
    return {
        COMPOSE_FILE: project(topology),
        EXAMPLE_FILE: _example(topology, _variables(topology)),
        f"identity/{told.IDENTITY_FILE}": told.text(told.identity(topology)),
        f"identity/{told.ACCOUNTS_FILE}": told.text(told.accounts(plan)),
        f"control/{told.CONTROL_FILE}": told.text(_control(topology, plan)),
        f"authority/{programs.AUTHORITY_FILE}": told.text(workloads),
        **{f"envoy/{path}": text for path, text in _envoys(plan)},
    }


def project(topology: Topology) -> str:
    """Write compose.yaml alone."""
    plan = in_containers(topology)
    between = networks.networks(topology, plan)
    described = {
        "name": topology.mesh,
        "services": _containers(topology, plan, networks.attached(between)),
        "networks": networks.defined(between),
        "volumes": _volumes(topology, plan),
    }
    return manifest([described], MADE)


def _control(topology: Topology, plan: Plan) -> dict[str, Any]:
    """Tell control what it has to know; it shares a folder with the Envoys here, as on a laptop."""
    return {**told.control(topology, plan, "", ""), "known": f"{FOLDER}/{files.FOLDER}"}


def _variables(topology: Topology) -> list[str]:
    return sorted({*told.identity(topology)["environment"], programs.MASTER_KEY})


def _envoys(plan: Plan) -> Iterator[tuple[str, str]]:
    """Give the Envoys' files; the two of their secrets the authority writes, with certificate and key in them."""
    for name in pod_names(plan):
        for file, text in render_pod(plan, name).items():
            if file not in INLINE_SECRETS:
                yield f"{name}/{file}", text


def _containers(topology: Topology, plan: Plan, attached: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    facts = facts_of(topology)
    of_control = _control(topology, plan)["environment"]
    found = {
        names.AUTHORITY: programs.authority(plan.spiffe_ids),
        **({names.DATABASE: programs.database()} if programs.has_database(topology) else {}),
        **programs.identity(topology, _variables(topology)),
        names.envoy(IDENTITY): envoys.of_program(IDENTITY),
        CONTROL: programs.control(topology, plan, of_control),
        names.envoy(CONTROL): envoys.of_program(CONTROL),
        names.envoy(EDGE): envoys.edge(plan, topology.edge.listen),
    }
    for sidecar in plan.sidecars:
        image = topology.services[sidecar.service].image
        found |= services.described(sidecar.workload, facts[sidecar.service], image)
    return {
        name: {**container, **({"networks": attached[name]} if name in attached else {})}
        for name, container in found.items()
    }


def _volumes(topology: Topology, plan: Plan) -> dict[str, Any]:
    """Keep the authority's key, what control told last, and the database; all else is in memory alone."""
    kept = [programs.AUTHORITY_VOLUME, envoys.KNOWN]
    if programs.has_database(topology):
        kept.append(programs.DATABASE_VOLUME)
    passing = [*map(names.certificates, plan.spiffe_ids), names.runs(IDENTITY), names.runs(CONTROL)]
    return {name: {} for name in sorted(kept)} | {name: containers.in_memory() for name in sorted(passing)}


def _example(topology: Topology, variables: list[str]) -> str:
    """Say which variables there are."""
    here = programs.has_database(topology)
    asked = [name for name in variables if not (here and name == told.DATABASE_VARIABLE)]
    asked += [names.DATABASE_PASSWORD] if here else []
    images = [names.image_variable(name) for name, each in topology.services.items() if not each.image]
    lines = "".join(f"{_HOW.get(name, '')}{name}=\n" for name in sorted({*asked}))
    more = "".join(f"{name}=\n" for name in sorted(images))
    return f"""\
# cp .env.example .env && chmod 600 .env, fill it in, and never commit it.
# A value with $, # or a blank in it stands between single quotes.
{lines}{f"# The images of services for which pillion.yaml names none.{chr(10)}{more}" if more else ""}\
# Images of your own registry, by digest: so what runs is what you have looked at.
# PILLION_IMAGE=registry.example/pillion@sha256:…
# PILLION_ENVOY_IMAGE=registry.example/envoy@sha256:…
"""


_HOW: Final[Mapping[str, str]] = {
    programs.MASTER_KEY: "# head -c 32 /dev/urandom | base64     (keep a copy where you keep such things)\n",
    names.DATABASE_PASSWORD: "# openssl rand -hex 32     (letters and digits alone: it stands in a URL)\n",
}
