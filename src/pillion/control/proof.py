"""How an Envoy proves to control which workload it is: by a secret of its own, or, in pods, by its certificate."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from grpclib.const import Status

from pillion.control import credentials
from pillion.control.config import Config, Kind
from pillion.vocabulary import WORKLOAD_HEADER, edge_spiffe_id, spiffe_id

# What came with a stream's opening: names and values.
Shown = Sequence[tuple[str, object]]

_BEARER: Final = re.compile(r"Bearer ([0-9a-f]{64})")


class Proof(Protocol):
    """One way to prove it; `status` is what somebody is answered who does not."""

    status: Status

    def proves(self, shown: Shown, workload: str, kind: Kind) -> bool:
        """Say whether who has `shown` this is that workload's Envoy."""

    def caller(self, shown: Shown) -> str:
        """Say for the log who it is that failed to, as far as that is certain."""


class BySecret:
    """Each Envoy shows what was derived for its workload from the `key` (`pillion.control.credentials`)."""

    status = Status.UNAUTHENTICATED

    def __init__(self, key: bytes) -> None:
        self._key = key

    def proves(self, shown: Shown, workload: str, kind: Kind) -> bool:  # noqa: ARG002 - names differ enough
        """Say whether it is that workload's secret."""
        secret = _BEARER.fullmatch(_only(shown, "authorization"))
        return credentials.proves(self._key, workload, secret[1] if secret else "")

    def caller(self, shown: Shown) -> str:  # noqa: ARG002 - nothing of a secret is said
        """Say that it is not known."""
        return "a stranger"


class ByCertificate:
    """The Envoy beside control says in a header whose certificate it has checked; nobody else reaches control.

    It takes that header away from whoever sends it (`pillion.envoy.own_sidecar`). `mesh` is the trust domain.
    """

    status = Status.PERMISSION_DENIED

    def __init__(self, mesh: str) -> None:
        self._mesh = mesh

    def proves(self, shown: Shown, workload: str, kind: Kind) -> bool:
        """Say whether the certificate is that workload's."""
        its = edge_spiffe_id(self._mesh) if kind == "edge" else spiffe_id(self._mesh, workload)
        return _only(shown, WORKLOAD_HEADER) == its

    def caller(self, shown: Shown) -> str:
        """Give the SPIFFE ID."""
        return f"{_only(shown, WORKLOAD_HEADER)[:200]!r}"


def wanted(config: Config) -> Proof:
    """Give the way that is configured; raises OSError or CredentialsError."""
    if config.credentials is None:
        return ByCertificate(config.mesh)
    return BySecret(credentials.read_key(config.credentials))


def _only(shown: Shown, name: str) -> str:
    """Give the header's value; nothing if there are two, of which one may be forged."""
    values = [value for its_name, value in shown if its_name == name]
    return str(values[0]) if len(values) == 1 else ""
