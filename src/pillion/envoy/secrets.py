"""What an Envoy proves itself with, and whom it believes: the files of its secrets (SDS).

Light on purpose, as `known` is: `up` writes these without the rest of this package. Certificate and key stand in
one file, which is replaced in one step, so that nobody ever reads halves of two pairs.
"""

import hashlib
import json
from typing import Any, Final

from pillion.envoy import names

_SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type


def svid_file(certificate: str, key: str) -> str:
    """Write a workload's certificate and its key, both PEM."""
    pair = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
    return _resource(names.SVID, certificate, {"tls_certificate": pair})


def trust_file(authorities: str) -> str:
    """Write the certificates (PEM) of the authorities whose workloads are believed to be who they say."""
    trusted = {"trusted_ca": {"inline_string": authorities}}
    return _resource(names.TRUST, authorities, {"validation_context": trusted})


def version(public: str) -> str:
    """Name the version that an Envoy says it has once it has taken up the file of these certificates."""
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def _resource(name: str, public: str, secret: dict[str, Any]) -> str:
    """Write one secret: Envoy takes no file of two. The version tells nothing of a key."""
    resource = {"@type": _SECRET, "name": name, **secret}
    return json.dumps({"version_info": version(public), "resources": [resource]}, indent=1)
