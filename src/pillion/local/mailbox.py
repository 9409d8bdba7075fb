"""Tells of the mail that identity puts into the local mailbox, while everything runs."""

import asyncio
import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pillion.local import identity_config
from pillion.vocabulary import MAILBOX_PATH

if TYPE_CHECKING:  # `up --detach` asks for the page alone
    from pillion.local.mesh import Mesh

NAME: Final = "mail"
_POLL_SECONDS: Final = 0.2
_LINK: Final = re.compile(r"https?://\S+")


async def follow(mesh: "Mesh", printed: Callable[[str, str], None]) -> None:
    """Say where the mailbox is, and each mail that comes, as one line; a mesh that sends its mail has none."""
    folder = mesh.machine.folder
    seen: set[Path] | None = None
    while True:
        key = identity_config.mailbox_key(folder, mesh.topology)
        if key is None:
            seen = None
        elif seen is None:
            seen = set(folder.mail.glob("*.eml"))
            printed(NAME, f"stays on this machine: {page(mesh.topology.edge.origin, key)}")
        else:
            new = set(folder.mail.glob("*.eml")) - seen
            for path in sorted(new):
                if line := _line(path):
                    printed(NAME, line)
            seen |= new
        await asyncio.sleep(_POLL_SECONDS)


def page(origin: str, key: str) -> str:
    """Give the address of the page that shows all mail."""
    return f"{origin}{MAILBOX_PATH}?key={key}"


def _line(path: Path) -> str:
    try:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
    except OSError:  # many came at once, and identity keeps no more
        return ""
    link = _LINK.search(message.get_content())
    return f"to {message['To']}: {message['Subject']}" + (f" — {link[0]}" if link else "")
