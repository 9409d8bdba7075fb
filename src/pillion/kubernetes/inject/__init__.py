"""A manifest in, the same manifest with Pillion's sidecar out."""

from pillion.kubernetes.inject.facts import ServiceFacts, facts_of
from pillion.kubernetes.inject.pod import SERVICE_LABEL, Injected, pod
from pillion.kubernetes.inject.remark import RefusedError, Remark

__all__ = ["SERVICE_LABEL", "Injected", "RefusedError", "Remark", "ServiceFacts", "facts_of", "pod"]
