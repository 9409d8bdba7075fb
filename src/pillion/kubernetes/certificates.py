"""By what workloads prove themselves: cert-manager's objects for the mesh's authority and for each workload.

The authority's key stays the same when its certificate is renewed: what it signs then is believed by those as well
who have the older certificate still. Decision 41 says more.
"""

from typing import Any, Final

from pillion.kubernetes.containers import certificate_secret, files_map
from pillion.kubernetes.names import AUTHORITY, ISSUER, Cluster, head

_SELF_SIGNED: Final = "pillion-self-signed"
_TEN_YEARS: Final = "87600h"
_HALF_OF_THEM: Final = "43800h"


def authority(cluster: Cluster) -> list[dict[str, Any]]:
    """Make the mesh's own authority: a key that signs itself, and an issuer that signs with it."""
    return [
        {**head(cluster, "Issuer", _SELF_SIGNED), "spec": {"selfSigned": {}}},
        {
            **head(cluster, "Certificate", AUTHORITY),
            "spec": {
                "isCA": True,
                "commonName": cluster.mesh,
                "secretName": AUTHORITY,
                "duration": _TEN_YEARS,
                "renewBefore": _HALF_OF_THEM,
                "privateKey": _key("Never"),
                "issuerRef": _issuer(_SELF_SIGNED),
            },
        },
        {**head(cluster, "Issuer", ISSUER), "spec": {"ca": {"secretName": AUTHORITY}}},
    ]


def certificate(cluster: Cluster, workload: str, spiffe_id: str) -> dict[str, Any]:
    """Have a certificate made for a workload, renewed at half of its day, each time with another key."""
    return {
        **head(cluster, "Certificate", files_map(workload), workload),
        "spec": {
            "secretName": certificate_secret(workload),
            "uris": [spiffe_id],
            "duration": "24h",
            "renewBefore": "12h",
            # Before 1.18 cert-manager kept every request that it ever made of itself: two a day for each workload.
            "revisionHistoryLimit": 1,
            "usages": ["digital signature", "server auth", "client auth"],
            "privateKey": _key("Always"),
            "issuerRef": _issuer(ISSUER),
        },
    }


def serving(cluster: Cluster, workload: str, name: str, host: str) -> dict[str, Any]:
    """Have a certificate made for a server that is called `host`, in a Secret of the certificate's own name."""
    return {
        **head(cluster, "Certificate", name, workload),
        "spec": {
            "secretName": name,
            "dnsNames": [host],
            "duration": "2160h",
            "renewBefore": "720h",
            "usages": ["digital signature", "server auth"],
            "privateKey": _key("Always"),
            "issuerRef": _issuer(ISSUER),
        },
    }


def _key(rotation: str) -> dict[str, Any]:
    return {"algorithm": "ECDSA", "size": 256, "encoding": "PKCS8", "rotationPolicy": rotation}


def _issuer(name: str) -> dict[str, str]:
    return {"name": name, "kind": "Issuer", "group": "cert-manager.io"}
