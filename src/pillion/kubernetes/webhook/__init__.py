"""Admission in the cluster: pods of the mesh get their sidecar, and none without it gets in.

`decide` says what is to become of a pod, by what `pillion inject` knows; `protected` whether its sidecar is there;
`review` reads and writes what the API server sends and gets; `app` is that over HTTP, `serve` over TLS.
"""
