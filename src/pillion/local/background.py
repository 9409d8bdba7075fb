"""`pillion up --detach`: a supervisor in the background, and the command that waits until it is ready."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pillion.local import folder
from pillion.local.audience import Audience
from pillion.local.failure import LocalError
from pillion.local.folder import StateFolder
from pillion.local.record import Record, read
from pillion.local.view import View
from pillion.problem import InvalidInputError
from pillion.topology import load

_ISOLATE: Final = "isolate"


def detach(file: Path, audience: Audience, *, isolate: bool = False) -> str:
    """Start a supervisor for the topology `file` (absolute) in the background; returns when it is ready.

    Gives the line that says so. `audience` is told of each change meanwhile.
    Raises LocalError with the reason when it cannot be started; an interrupt stops it again.
    """
    state = folder.of(file)
    folder.make(state)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as messages, state.supervisor_log.open("ab") as log:
        child = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "pillion.local.background",
                str(file),
                str(writing),
                *([_ISOLATE] if isolate else []),
            ],
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
        os.close(writing)
        try:
            return _listen(messages, state, audience)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise
        except LocalError:
            child.wait()
            raise


def _listen(messages: Iterable[bytes], state: StateFolder, audience: Audience) -> str:
    for message in messages:
        said = json.loads(message)
        if "ready" in said:
            return str(said["ready"])
        if "failed" in said:
            raise LocalError(said["failed"])
        record = read(state.record)
        if record is not None:
            audience.changed(record)
    raise LocalError(f"the supervisor in the background ended without a word: see {state.supervisor_log}")


class _Messenger:
    """Tells the waiting command through a pipe, and the log in words; neither can hold the supervisor up."""

    def __init__(self, pipe: int, view: View) -> None:
        self._view = view
        self._pipe: int | None = pipe

    def changed(self, record: Record) -> None:
        self._view.changed(record)
        self._send({"changed": True})

    def printed(self, name: str, line: str) -> None:
        self._view.printed(name, line)

    def ready(self, line: str) -> None:
        self._view.ready(line)
        self._finish({"ready": line})

    def failed(self, line: str) -> None:
        self._view.note(line)
        self._finish({"failed": line})

    def _finish(self, message: dict[str, Any]) -> None:
        self._send(message)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _send(self, message: dict[str, Any]) -> None:
        if self._pipe is None:
            return
        # The command may have been stopped, or killed; the mesh is wanted all the same.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._pipe, json.dumps(message).encode() + b"\n")


def main(file: str, pipe: str, *how: str) -> int:
    """Run the supervisor; the log is this process's standard output."""
    from pillion.local import up  # noqa: PLC0415 - who only waits for it does without

    view = View(sys.stdout, lines=False)
    messenger = _Messenger(int(pipe), view)
    os.set_inheritable(int(pipe), False)  # noqa: FBT003 - the system's own signature
    os.set_blocking(int(pipe), False)
    try:
        path = Path(file)
        return up.run(path, load(path, os.environ), messenger, isolate=_ISOLATE in how, hang_up=False)
    except (LocalError, InvalidInputError) as error:
        messenger.failed(str(error))
        return 1
    finally:
        view.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
