"""The mesh for Docker Compose: the same Envoys and programs as in pods, on one machine, without a cluster."""
