"""Keeps the certificate authority of the mesh in the state folder, from one start to the next.

Nothing hangs on having the same one again: whoever starts gets a new certificate. So one that is missing, damaged
or near its end is replaced, and nobody has to mend anything.
"""

from datetime import datetime, timedelta
from typing import Final

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority, UnreadableError
from pillion.certificates.renewal import is_due
from pillion.local.folder import StateFolder, write_privately

# How much of its life an authority issues for; in the rest, all that it has issued ends, whatever delays the next.
USED_FOR: Final = 2 / 3


def at_start(folder: StateFolder, mesh: str, now: datetime, lifetime: timedelta) -> tuple[Authority, str]:
    """Give the authority; and if that which was there is no good, in words, what is wrong with it."""
    wrong = ""
    try:
        kept = authorities.read(folder.authority.read_text(encoding="utf-8"), mesh)
        if not is_due(kept.certificate, now, USED_FOR):
            return kept, ""
    except FileNotFoundError:
        pass
    except (UnreadableError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, UnreadableError) else "it is no text"
        wrong = f"{folder.authority} is no good ({reason}): the mesh has a new certificate authority"
    made = authorities.make(mesh, now, lifetime)
    keep(folder, made)
    return made, wrong


def keep(folder: StateFolder, authority: Authority) -> None:
    """Write it down, for its owner alone."""
    write_privately(folder.authority, authorities.write(authority))
