"""The processes of one machine: what `pillion up`, `down`, `status` and `logs` do.

`up` is the sequence, `supervisor` the order of starts and stops, `keeper` keeps one process running, and
`process` is one. `folder`, `lock` and `record` are what lies on disk, `leftovers` cleans up after a kill, and
`workloads` says which processes a plan needs. The modules' own names are the public face: `up.run`,
`background.detach`, `down.stop`, `status.look`, `logs.choose`.
"""

from pillion.local.failure import LocalError

__all__ = ["LocalError"]
