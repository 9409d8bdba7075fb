"""What the mesh as a whole needs in a cluster: a namespace, an authority, default deny, and what control knows."""

from collections.abc import Iterable
from typing import Any

from pillion.envoy.known import known_files, with_no_key
from pillion.kubernetes import certificates, network_policies
from pillion.kubernetes.names import KNOWN, KNOWN_SEED, Cluster, head, labels
from pillion.kubernetes.pods import config_map


def documents(cluster: Cluster, issuers: Iterable[str]) -> list[dict[str, Any]]:
    """Write them; `issuers` are the other issuers, whose tokens are good here too."""
    return [
        namespace(cluster),
        *certificates.authority(cluster),
        network_policies.deny_all(cluster),
        *known(cluster, issuers),
    ]


def namespace(cluster: Cluster) -> dict[str, Any]:
    """Give the mesh a namespace in which no pod may use its node's network, past all policies."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": cluster.namespace,
            "labels": {
                **labels(cluster, cluster.mesh),
                "pod-security.kubernetes.io/enforce": "baseline",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    }


def known(cluster: Cluster, issuers: Iterable[str]) -> list[dict[str, Any]]:
    """Make place for what control told last, and give what an Envoy starts with before it told anything.

    Envoys see both in one folder, the former over the latter. The former is written without `data`: what is not
    in a manifest, and never was, no kind of apply takes away.
    """
    nothing = known_files(with_no_key(), trusted={issuer: with_no_key() for issuer in issuers})
    seed = {path.rpartition("/")[2]: text for path, text in sorted(nothing.items())}
    return [config_map(cluster, KNOWN_SEED, seed), head(cluster, "ConfigMap", KNOWN)]
