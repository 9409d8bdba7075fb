"""Says in the database that nothing runs here any more, so that nobody waits for an Envoy that is not there.

Control does not say so itself: where it ends alone, its Envoys go on, and have to be told when it is back.
"""

from pillion.control import config as configuration
from pillion.control import database
from pillion.control.config import ConfigError
from pillion.local import leftovers, lock
from pillion.local.folder import StateFolder
from pillion.local.record import read


def is_at_rest(folder: StateFolder) -> bool:
    """Say whether neither `pillion up` nor anything that it started runs; raises LocalError."""
    return lock.holder(folder.lock) is None and not leftovers.find(read(folder.record))


def note(folder: StateFolder) -> None:
    """Take the report of this machine's control away; the caller knows that nothing runs."""
    try:
        config = configuration.read(folder.control_config)
    except ConfigError:  # none has run yet
        return
    database.named(config.database).withdraw(config.instance)
