"""What an Envoy proves itself with, and whom it believes: the files of its secrets (SDS).

Light on purpose, as `known` is: `up` writes these without the rest of this package. Certificate and key stand in
one file, which is replaced in one step, so that nobody ever reads halves of two pairs.
"""

import hashlib
import json
from typing import Any, Final

from pillion.envoy import names

_SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type

# The files, as they are called in a workload's folder.
INLINE_SECRETS: Final = frozenset({names.secret_file(names.SVID), names.secret_file(names.TRUST)})


def svid_file(certificate: str, key: str) -> str:
    """Write a workload's certificate and its key, both PEM."""
    pair = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
    return _resource(names.SVID, certificate, {"tls_certificate": pair})


def trust_file(authorities: str) -> str:
    """Write the certificates (PEM) of the authorities whose workloads are believed to be who they say."""
    trusted = {"trusted_ca": {"inline_string": authorities}}
    return _resource(names.TRUST, authorities, {"validation_context": trusted})


def mounted_secrets(workload: str) -> dict[str, str]:
    """Write the two files of a workload whose certificate others lay down beside them, as cert-manager does.

    By their names: all of the folder is replaced in one step, and read again then.
    """
    folder = names.secrets_folder(workload)
    watched = {"path": folder}
    pair = {
        "certificate_chain": {"filename": f"{folder}/tls.crt"},
        "private_key": {"filename": f"{folder}/tls.key"},
        "watched_directory": watched,
    }
    trusted = {"trusted_ca": {"filename": f"{folder}/ca.crt"}, "watched_directory": watched}
    return {
        names.secret_file(names.SVID): _resource(names.SVID, folder, {"tls_certificate": pair}),
        names.secret_file(names.TRUST): _resource(names.TRUST, folder, {"validation_context": trusted}),
    }


def version(public: str) -> str:
    """Name the version that an Envoy says it has once it has taken up the file of these certificates."""
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def _resource(name: str, public: str, secret: dict[str, Any]) -> str:
    """Write one secret: Envoy takes no file of two. The version tells nothing of a key."""
    resource = {"@type": _SECRET, "name": name, **secret}
    return json.dumps({"version_info": version(public), "resources": [resource]}, indent=1)
