"""The metrics of everything that `pillion up` runs, at one address, for Prometheus."""
