"""What `pillion up --isolate` adds: namespaces in which a service reaches its sidecar, and nothing else."""

from pillion.local.isolation.namespaces import Entrance, Namespace, Namespaces

__all__ = ["Entrance", "Namespace", "Namespaces"]
