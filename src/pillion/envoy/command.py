"""The words of an Envoy's command line, on a laptop as in a pod. Its working directory is all that differs."""

from typing import Final

from pillion.envoy import names
from pillion.plan.model import Workload

# A sidecar says there, at each start, that it has a part which Envoy calls unfinished: decision 31. The edge has
# none, and says there when a new certificate is no good.
_WITHOUT_MISC: Final = ("--component-log-level", "misc:error")

# The audit log is a file there, and read while it is written.
_FLUSHED: Final = ("--file-flush-interval-msec", "250")


def words(workload: Workload, threads: int, node: str | None = None) -> tuple[str, ...]:
    """Give what follows the program's name; in a pod, `node` is the id by which control tells pods apart."""
    on_a_laptop = node is None
    return (
        "-c",
        f"{names.folder_of(workload.name)}/{names.BOOTSTRAP_FILE}",
        *(() if node is None else ("--service-node", node)),
        # Hot restart keeps shared memory that outlives a kill, and Pillion doesn't use it.
        "--disable-hot-restart",
        # A listener that is replaced lets its connections go with the next answer, not in ten minutes.
        "--drain-strategy",
        "immediate",
        "--concurrency",
        str(threads),
        "--log-level",
        "warning",
        *(_WITHOUT_MISC if on_a_laptop and workload.kind == "sidecar" else ()),
        "--log-format",
        "[%l] [%n] %v",
        *(_FLUSHED if on_a_laptop else ()),
    )
