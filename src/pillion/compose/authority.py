"""`python -m pillion.compose.authority FILE` issues every workload's certificate, and renews them until SIGTERM.

FILE (JSON) names the mesh and, by their names, the SPIFFE IDs of its workloads. The working directory holds `ca/`,
which is this program's alone, and `certificates/NAME/`, which the Envoy of NAME reads.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pillion.local.folder import StateFolder
from pillion.local.workload_certificates import Lifetimes, WorkloadCertificates

# In no network, it can ask no Envoy what that has taken up, which takes milliseconds.
LIFETIMES: Final = Lifetimes(overlap=timedelta(minutes=5))


class Told(BaseModel):
    """Whose authority it is, and to whom it issues."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mesh: str = Field(min_length=1)
    workloads: dict[str, str] = Field(min_length=1)


async def keep(told: Told, folder: StateFolder, lifetimes: Lifetimes = LIFETIMES) -> None:
    """Issue, and renew for ever; raises OSError where something cannot be written at first."""
    certificates = WorkloadCertificates(folder, told.mesh, _say, lifetimes)
    certificates.issue_to(told.workloads)
    await certificates.keep()


def main() -> int:
    """Run until told to stop; returns the exit code: 0 done, 1 it failed, 2 the input is wrong."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program's name, and one argument
        return _fail("say which file names the workloads: python -m pillion.compose.authority FILE", 2)
    os.umask(0o077)
    try:
        told = Told.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
        asyncio.run(_until_told(told))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _fail(f"{sys.argv[1]}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}", 2)
    except OSError as error:
        return _fail(f"{error.filename}: {(error.strerror or 'input/output error').lower()}", 1)
    return 0


async def _until_told(told: Told) -> None:
    task = asyncio.create_task(keep(told, StateFolder(Path.cwd())))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def _say(line: str) -> None:
    print(f"authority: {line}", file=sys.stderr, flush=True)  # noqa: T201 - what a container's log is


def _fail(message: str, code: int) -> int:
    _say(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
