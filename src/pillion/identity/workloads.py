"""Which workload sends a request, where the Envoy beside identity says it by its certificate: in pods.

That Envoy overwrites the header, whatever was sent under its name, and nobody else reaches identity's socket. On a
laptop there is no such Envoy: then nobody reads the header, and services show secrets.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings

from pillion import vocabulary
from pillion.identity.refusal import Refusal

_VARIABLE: Final = "HTTP_" + vocabulary.WORKLOAD_HEADER.upper().replace("-", "_")


def are_certified() -> bool:
    """Tell whether workloads prove by certificates who they are."""
    return bool(settings.PILLION.workloads == "certificate")


def sender(environ: Mapping[str, Any]) -> str:
    """Give the SPIFFE ID of the workload that has sent a request; of two headers, it is nobody's."""
    return str(environ.get(_VARIABLE, ""))


def is_edge(environ: Mapping[str, Any]) -> bool:
    """Tell whether the edge has."""
    return sender(environ) == vocabulary.edge_spiffe_id(settings.PILLION.mesh)


def refusal(environ: Mapping[str, Any], path: str) -> Refusal | None:
    """Say why a request is refused, if it is: all is for the edge alone to ask, but for services' own tokens.

    Whose those are is decided where clients authenticate.
    """
    if not are_certified() or path == vocabulary.TOKEN_PATH or is_edge(environ):
        return None
    return Refusal(HTTPStatus.FORBIDDEN, "caller-not-allowed", "Only the edge may ask for this here.")
