"""The words of an Envoy's command line, on a laptop as in a pod. Its working directory is all that differs."""

from typing import Final

from pillion.envoy import names
from pillion.plan.model import Workload

# A sidecar says there, at each start, that it has a part which Envoy calls unfinished: decision 31. The edge has
# none, and says there when a new certificate is no good.
_WITHOUT_MISC: Final = ("--component-log-level", "misc:error")


def words(workload: Workload, threads: int) -> tuple[str, ...]:
    """Give what follows the program's name."""
    return (
        "-c",
        f"{names.folder_of(workload.name)}/{names.BOOTSTRAP_FILE}",
        # Hot restart keeps shared memory that outlives a kill, and Pillion doesn't use it.
        "--disable-hot-restart",
        # A listener that is replaced lets its connections go with the next answer, not in ten minutes.
        "--drain-strategy",
        "immediate",
        "--concurrency",
        str(threads),
        "--log-level",
        "warning",
        *(_WITHOUT_MISC if workload.kind == "sidecar" else ()),
        "--log-format",
        "[%l] [%n] %v",
        # The audit log is read while it is written.
        "--file-flush-interval-msec",
        "250",
    )
