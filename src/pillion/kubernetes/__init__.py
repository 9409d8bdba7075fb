"""The mesh in pods: from a plan to manifests, and from a manifest to one with a sidecar."""
