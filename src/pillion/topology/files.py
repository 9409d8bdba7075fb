"""What the topology asks of the file system: its own text, and the files that it names."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillion.problem import InvalidInputError, Place, Problem
from pillion.topology.draft import Draft
from pillion.topology.finding import Code, Finding, Mark
from pillion.topology.source import line_lengths, place

NAME: Final = "pillion.yaml"
# As haveibeenpwned-downloader writes them: a file for every five hexadecimal digits, or one file of whole hashes.
RANGE: Final = re.compile(r"[0-9A-F]{5}(\.txt)?", re.ASCII)
HASH: Final = re.compile(rb"[0-9A-Fa-f]{40}(:[0-9]+)?\r?\n")
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
    for item in (*draft.edge.tls_files, *(draft.users.files if draft.users else ())):
        try:
            with (folder / item.value).open("rb") as file:
                file.read(1)
        except FileNotFoundError:
            yield Finding(item.path, "bad-tls-file", "there is no file {written} beside the topology file")
        except OSError as error:
            reason = (error.strerror or "input/output error").lower()
            yield Finding(item.path, "bad-tls-file", f"the file {{written}} cannot be read: {reason}")


def check_breached_passwords(draft: Draft, folder: Path) -> Iterator[Finding]:
    """Find a list of breached passwords that is not there, is empty or is something else."""
    item = draft.identity.breached_passwords
    if item is None:
        return
    path = folder / item.value
    code: Code = "bad-breached-passwords"
    hint = "take what the program haveibeenpwned-downloader writes"
    try:
        if path.is_dir():
            if not any(RANGE.fullmatch(file.name) for file in path.iterdir()):
                yield Finding(item.path, code, "no file in {written} is named like 21BD1 or 21BD1.txt", hint)
            return
        with path.open("rb") as file:
            first = file.readline(100)
    except FileNotFoundError:
        yield Finding(
            item.path, code, "there is no file and no folder {written} beside the topology file", hint
        )
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        yield Finding(item.path, code, f"the file {{written}} cannot be read: {reason}")
    else:
        if not HASH.match(first):
            yield Finding(item.path, code, "{written} holds no SHA-1 hashes, one a line, sorted", hint)


def _unreadable(path: Path, code: Code, message: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError([Problem(Place(str(path), 1, 1), code, "", message, hint)])
