"""The local mailbox: a folder in the state folder, where mail stays on a laptop; a file for each."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from pillion.identity.mail.queue import Order

_KEPT: Final = 200
NAME: Final = re.compile(r"[0-9]{20}-[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Letter:
    """A mail in the mailbox."""

    name: str
    to: str
    subject: str
    at: datetime
    text: str


def drop(folder: Path, order: Order, message: EmailMessage) -> None:
    """Put a mail into the mailbox, whole or not at all; a second time it replaces itself."""
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{order.since:%Y%m%d%H%M%S%f}-{order.id.hex}"
    draft = folder / f".{name}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(message.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / f"{name}.eml")
    for old in _files(folder)[_KEPT:]:
        old.unlink(missing_ok=True)


def letters(folder: Path) -> list[Letter]:
    """Give what is in the mailbox, the latest first."""
    return [letter for path in _files(folder) if (letter := _read(path))]


def letter(folder: Path, name: str) -> Letter | None:
    """Give one mail by its name; None if there is none."""
    return _read(folder / f"{name}.eml") if NAME.fullmatch(name) else None


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.eml") if NAME.fullmatch(path.stem)), reverse=True)


def _read(path: Path) -> Letter | None:
    try:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
    except OSError:
        return None
    return Letter(
        name=path.stem,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        at=message["Date"].datetime,
        text=message.get_content(),
    )
