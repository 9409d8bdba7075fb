"""The state folder `.pillion/` beside the topology file, private to its owner."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillion.envoy import names
from pillion.local.failure import LocalError
from pillion.plan import model
from pillion.vocabulary import STATE_FOLDER

# Relative to the state folder, which is the working directory of whoever uses it: a socket's path has a limit
# of about 100 bytes (unix(7)), and a state folder can be deep.
IDENTITY_SOCKET: Final = model.IDENTITY_SOCKET
CONTROL_SOCKET: Final = model.CONTROL_SOCKET
_PRIVATE: Final = 0o700


@dataclass(frozen=True)
class StateFolder:
    """Where things lie in the state folder `root`, an absolute path."""

    root: Path

    @property
    def envoy(self) -> Path:
        """The Envoys' configuration, a folder each."""
        return self.root / "envoy"

    @property
    def run(self) -> Path:
        """Sockets, the lock, and the record of what runs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.root / "logs"

    @property
    def audit(self) -> Path:
        """What the Envoys write about requests."""
        return self.root / "audit"

    @property
    def secrets(self) -> Path:
        """Identity's master key, and the key of the Envoys' credentials."""
        return self.root / "secrets"

    @property
    def authority(self) -> Path:
        """The certificate authority that workloads' certificates come of, and its key."""
        return self.root / "ca" / "authority.pem"

    @property
    def certificates(self) -> Path:
        """What each workload proves itself with, and whom it believes, a folder each."""
        return self.root / names.SECRETS_FOLDER

    @property
    def lock(self) -> Path:
        """Held by the one supervisor that works on this folder."""
        return self.run / "supervisor.lock"

    @property
    def record(self) -> Path:
        """What the supervisor started, and how it is."""
        return self.run / "state.json"

    @property
    def ports(self) -> Path:
        """The ports that the sidecars had last."""
        return self.root / "ports.json"

    @property
    def jwks(self) -> Path:
        """The public keys that tokens were checked with last (RFC 7517)."""
        return self.known / "jwks.json"

    @property
    def known(self) -> Path:
        """What control told the Envoys last, for one that starts while control is away."""
        return self.envoy / "_known"

    @property
    def control_config(self) -> Path:
        """What control is to know of the mesh."""
        return self.root / "control.json"

    @property
    def control_key(self) -> Path:
        """What the Envoys' credentials are derived from."""
        return self.secrets / "control.key"

    @property
    def service_accounts(self) -> Path:
        """By what identity knows the services of the mesh."""
        return self.root / "service_accounts.json"

    @property
    def identity_config(self) -> Path:
        """What identity is to know of the topology."""
        return self.root / "identity.json"

    @property
    def mail(self) -> Path:
        """The local mailbox: what identity would mail, a file each."""
        return self.root / "mail"

    @property
    def identity_database(self) -> Path:
        """Identity's SQLite database."""
        return self.root / "identity.sqlite3"

    @property
    def supervisor_log(self) -> Path:
        """What a supervisor in the background says."""
        return self.logs / "up.log"


def of(topology: Path) -> StateFolder:
    """Name the state folder of the topology file at `topology`; nothing is made."""
    return StateFolder(topology.absolute().parent / STATE_FOLDER)


def make(folder: StateFolder) -> None:
    """Make the state folder and what belongs in it, all of it for its owner alone (0700).

    Raises LocalError when it cannot be made or written to, or is not this user's own.
    """
    try:
        folder.root.mkdir(mode=_PRIVATE, exist_ok=True)
        _refuse_foreign(folder)
        for path in (
            folder.root,
            folder.envoy,
            folder.run,
            folder.logs,
            folder.audit,
            folder.secrets,
            folder.authority.parent,
            folder.certificates,
        ):
            path.mkdir(mode=_PRIVATE, exist_ok=True)
            path.chmod(_PRIVATE)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(0, "permission denied", str(path))
    except OSError as error:
        reason = "not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        where = error.filename or folder.root
        raise LocalError(
            f"the state folder cannot be used: {where}: {(reason or 'input/output error').lower()}: "
            "make it a folder that you can write to, or move the topology file to where you can write"
        ) from None


def _refuse_foreign(folder: StateFolder) -> None:
    """Stop when somebody else could read or change what lies here: keys and sockets are kept in it."""
    owner = folder.root.stat().st_uid
    if folder.root.is_symlink() or owner != os.geteuid():
        raise LocalError(
            f"the state folder {folder.root} is a link or belongs to another user (uid {owner}): "
            "remove it, or run as the user that owns it"
        )


def write_privately(path: Path, text: str) -> bool:
    """Replace the file at `path` in one step, mode 0600; says whether the text was a new one.

    A reader, or an Envoy that watches the folder, sees the old file or the new one, never a part.
    """
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
    return True
