"""An example of how one makes the manifests one's own: images, replicas, the Secret, ways in and out."""

from collections.abc import Iterable, Mapping
from typing import Final

from pillion.kubernetes.containers import ENVOY_IMAGE
from pillion.kubernetes.names import (
    CONTROL,
    EDGE,
    IDENTITY,
    PROGRAM_IMAGE,
    SECRET,
    WEBHOOK,
    Cluster,
    head,
    selector,
)
from pillion.kubernetes.text import manifest

FOLDER: Final = "overlays/example"
_WHAT: Final = (
    "An example, written once by 'pillion render kubernetes': copy this folder, and change the copy."
)
# A digest that no image has.
_DIGEST: Final = f"sha256:{'0' * 64}"
_EXAMPLES: Final[Mapping[str, str]] = {
    "DATABASE_URL": "postgresql://pillion:PASSWORD@db.example/pillion?sslmode=verify-full",
    "PILLION_MASTER_KEY": "",
}


def files(cluster: Cluster, service: str, images: Iterable[str], variables: Iterable[str]) -> dict[str, str]:
    """Write the overlay; `service` is one of the mesh's that stands for all."""
    written = {
        "kustomization.yaml": _kustomization(cluster, [PROGRAM_IMAGE, ENVOY_IMAGE, *images]),
        "edge-service.yaml": _edge_service(cluster),
        "database.yaml": _way_out(cluster, service),
        "secrets.env.example": _secrets(variables),
        ".gitignore": "secrets.env\n",
    }
    return {f"{FOLDER}/{name}": text for name, text in written.items()}


def _kustomization(cluster: Cluster, images: Iterable[str]) -> str:
    pinned = "\n".join(map(_pinned, images))
    return f"""\
# {_WHAT}
# kubectl apply --server-side -k FOLDER
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../base
- database.yaml                     # ways out that a service needs besides those to other services
components: []
# Where Prometheus' operator runs, and once you ran: kubectl label namespace ITS-NAMESPACE pillion.dev/metrics=true
# - ../../components/monitoring
# Where your copies of the images are, by digest: so what runs is what you have looked at.
images:
{pinned}
# The webhook gives services' pods the same Envoy.
replacements:
- source: {{kind: Deployment, name: {EDGE}, fieldPath: "spec.template.spec.containers.[name=envoy].image"}}
  targets:
  - select: {{kind: Deployment, name: {WEBHOOK}}}
    fieldPaths: ["spec.template.spec.containers.[name={WEBHOOK}].env.[name=PILLION_ENVOY_IMAGE].value"]
replicas:
- {{name: {IDENTITY}, count: 2}}
- {{name: {CONTROL}, count: 2}}
# The one Secret that is yours: cp secrets.env.example secrets.env, and keep that out of git.
secretGenerator:
- name: {SECRET}
  namespace: {cluster.namespace}
  envs: [secrets.env]
patches:
- path: edge-service.yaml           # a load balancer; or leave it out, and name the Service `edge` in an Ingress
"""


def _pinned(image: str) -> str:
    """Fetch an image by its digest, and from a registry of one's own where it names none."""
    first, _, rest = image.partition("/")
    slashes, _, last = image.rpartition("/")
    name = f"{slashes}/{last.partition(':')[0]}".removeprefix("/")
    elsewhere = "" if rest and set(".:") & set(first) else f"\n  newName: registry.example/{name}"
    return f"- name: {name}{elsewhere}\n  digest: {_DIGEST}"


def _edge_service(cluster: Cluster) -> str:
    """Have the cloud's load balancer lead to the edge, which sees by `Local` from which address somebody comes."""
    document = head(cluster, "Service", EDGE)
    del document["metadata"]["labels"]
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    return manifest(
        [{**document, "spec": spec}],
        "The load balancer before the edge. With `Local` the edge sees the callers' own addresses, by which\n"
        "tries to sign in are counted. Certificates: `edge.tls` in pillion.yaml, or the balancer's.",
    )


def _way_out(cluster: Cluster, service: str) -> str:
    """Let a service reach its own database: policies add up."""
    database = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": f"{service}-postgresql"}}}
    policy = {
        **head(cluster, "NetworkPolicy", f"{service}-database", service),
        "spec": {
            "podSelector": {"matchLabels": selector(service)},
            "policyTypes": ["Egress"],
            "egress": [{"to": [database], "ports": [{"protocol": "TCP", "port": 5432}]}],
        },
    }
    return manifest(
        [policy],
        f"A way out for {service}, which reaches its callees, DNS and Pillion by itself, and nothing else.\n"
        "Policies add up. For something outside the cluster: to: [{ipBlock: {cidr: 203.0.113.7/32}}].",
    )


def _secrets(variables: Iterable[str]) -> str:
    lines = "".join(f"{name}={_EXAMPLES.get(name, '')}\n" for name in variables)
    return f"""\
# cp secrets.env.example secrets.env, fill it in, and never commit it.
# PILLION_MASTER_KEY: head -c 32 /dev/urandom | base64     (keep a copy where you keep such things)
{lines}"""
