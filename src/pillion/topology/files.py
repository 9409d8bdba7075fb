"""What the topology asks of the file system: its own text, and the files that it names."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillion.problem import InvalidInputError, Place, Problem
from pillion.topology.draft import Draft
from pillion.topology.finding import Code, Finding, Mark
from pillion.topology.source import line_lengths, place

NAME: Final = "pillion.yaml"
LARGEST: Final = 1024 * 1024  # bytes; a topology of a thousand services takes a tenth of it


def find(start: Path) -> Path:
    """Find pillion.yaml in the folder `start` or the nearest one above it; raises InvalidInputError."""
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        # A folder or a dead link of this name is found too: reading it says so, while going on upwards would
        # take another project's topology.
        if os.path.lexists(candidate / NAME):
            return candidate / NAME
    message = f"no {NAME} in this folder or above it"
    hint = "make one with 'pillion init', or name the file with -f"
    raise InvalidInputError([Problem(Place(NAME, 1, 1), "file-not-found", "", message, hint)])


def read_text(path: Path) -> str:
    """Read the topology file; raises InvalidInputError when that cannot be done."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _unreadable(
            path, "file-not-found", "there is no such file", "make one with 'pillion init'"
        ) from None
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise _unreadable(path, "file-unreadable", f"the file cannot be read: {reason}") from None
    if len(raw) > LARGEST:
        raise _unreadable(path, "file-too-large", f"the file is larger than {LARGEST // 1024} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        lines = line_lengths(before)
        where = place(str(path), lines, Mark(len(lines), lines[-1] + 1))
        message = f"the byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise InvalidInputError([Problem(where, "file-not-utf8", "", message)]) from None


def check_tls_files(draft: Draft, folder: Path) -> Iterator[Finding]:
    """Find certificate and key files that cannot be read, relative to the topology's `folder`."""
    for item in draft.edge.tls_files:
        try:
            with (folder / item.value).open("rb") as file:
                file.read(1)
        except FileNotFoundError:
            yield Finding(item.path, "bad-tls-file", "there is no file {written} beside the topology file")
        except OSError as error:
            reason = (error.strerror or "input/output error").lower()
            yield Finding(item.path, "bad-tls-file", f"the file {{written}} cannot be read: {reason}")


def _unreadable(path: Path, code: Code, message: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError([Problem(Place(str(path), 1, 1), code, "", message, hint)])
