"""Gives every workload its certificate, and renews them, and the authority that they come of, while all runs.

Envoy takes a file up again when it is replaced; connections that are open go on. Three steps lead from one
authority to the next: every Envoy is told to trust both; when all say that they do, the next one issues; when
nothing of the old one is valid any more, it is forgotten. Its key is gone with the second step.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Final

from cryptography import x509

from pillion.certificates import authority as authorities
from pillion.certificates.pem import of_certificate, of_key
from pillion.certificates.renewal import is_due
from pillion.envoy import names, secrets
from pillion.local import admin, authority
from pillion.local.folder import StateFolder, write_privately
from pillion.plan import UnixSocket

# The time of the day is looked at so often, because that is what goes on while a machine sleeps: what has expired
# meanwhile is renewed as soon as it wakes.
POLL_SECONDS: Final = 1.0
_USED_FOR: Final = 0.5
_NOW: Final = partial(datetime.now, UTC)


@dataclass(frozen=True)
class Lifetimes:
    """How long certificates are valid: those of workloads, and those of authorities.

    The next authority issues when every Envoy that answers trusts it, and not before `overlap` is over: where none
    can be asked, in that time they take up what lies before them.
    """

    workload: timedelta = timedelta(hours=1)
    authority: timedelta = timedelta(days=90)
    overlap: timedelta = timedelta()


@dataclass(frozen=True)
class _Issued:
    spiffe_id: str
    certificate: x509.Certificate


class WorkloadCertificates:
    """The certificates of one mesh's workloads. `say` is told, in words, what went wrong.

    The working directory is the state folder.
    """

    def __init__(
        self,
        folder: StateFolder,
        mesh: str,
        say: Callable[[str], None],
        lifetimes: Lifetimes = Lifetimes(),
        clock: Callable[[], datetime] = _NOW,
    ) -> None:
        self._folder = folder
        self._mesh = mesh
        self._say = say
        self._lifetimes = lifetimes
        self._now = clock
        self._authority, wrong = authority.at_start(folder, mesh, clock(), lifetimes.authority)
        self._next: authorities.Authority | None = None
        self._next_since = clock()
        self._last: authorities.Authority | None = None
        self._last_until = clock()
        self._issued: dict[str, _Issued] = {}
        if wrong:
            say(wrong)

    def issue_to(self, workloads: Mapping[str, str]) -> None:
        """Have these have a certificate, by name and SPIFFE ID; to be done before their Envoys start."""
        for name, spiffe_id in workloads.items():
            if name not in self._issued:
                folder = self._folder.certificates / name
                folder.mkdir(mode=0o700, exist_ok=True)
                self._tell(name, names.TRUST, secrets.trust_file(self._trusted()))
                self._issue(name, spiffe_id)

    def keep_only(self, workloads: Collection[str]) -> None:
        """Take away what belongs to workloads that are not named."""
        for path in self._folder.certificates.iterdir():
            if path.name not in workloads:
                rmtree(path, ignore_errors=True)
        self._issued = {name: issued for name, issued in self._issued.items() if name in workloads}

    async def keep(self) -> None:
        """Renew for ever; what fails is tried again, and said once."""
        said = ""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.renew()
                said = ""
            except Exception as error:  # noqa: BLE001 - whatever it is: without this, all traffic would end in an hour
                reason = _reason(error)
                if reason != said:
                    self._say(f"certificates cannot be renewed: {reason}")
                said = reason

    async def renew(self) -> None:
        """Replace what is due now, and what somebody has taken away."""
        now = self._now()
        await self._renew_authority(now)
        for name, issued in list(self._issued.items()):
            self._tell(name, names.TRUST, secrets.trust_file(self._trusted()))
            away = not self._file(name, names.SVID).exists()
            if away or is_due(issued.certificate, now, _USED_FOR):
                self._issue(name, issued.spiffe_id)

    async def _renew_authority(self, now: datetime) -> None:
        if self._next is None and is_due(self._authority.certificate, now, authority.USED_FOR):
            self._next = authorities.make(self._mesh, now, self._lifetimes.authority)
            self._next_since = now
        elif (
            self._next is not None
            and now >= self._next_since + self._lifetimes.overlap
            and await self._all_trust()
        ):
            authority.keep(self._folder, self._next)
            self._last, self._last_until = self._authority, now + self._lifetimes.workload
            self._authority, self._next = self._next, None
            for name, issued in self._issued.items():
                self._issue(name, issued.spiffe_id)
        elif self._last is not None and now >= self._last_until:
            self._last = None

    async def _all_trust(self) -> bool:
        """Say whether every Envoy has taken up whom to trust; one that does not answer reads it at its start."""
        version = secrets.version(self._trusted())
        sockets = [UnixSocket(path=names.admin_socket(name)) for name in self._issued]
        said = await asyncio.gather(*(admin.taken_up(socket) for socket in sockets))
        return all(one is None or one.versions.get(f"sds.{names.TRUST}") == version for one in said)

    def _trusted(self) -> str:
        """Give the authorities whose certificates are good, as PEM."""
        return "".join(one.pem for one in (self._authority, self._next, self._last) if one is not None)

    def _issue(self, name: str, spiffe_id: str) -> None:
        certificate, key = authorities.issue(
            self._authority, spiffe_id, self._now(), self._lifetimes.workload
        )
        self._tell(name, names.SVID, secrets.svid_file(of_certificate(certificate), of_key(key)))
        self._issued[name] = _Issued(spiffe_id, certificate)

    def _tell(self, name: str, secret: str, text: str) -> None:
        write_privately(self._file(name, secret), text)

    def _file(self, name: str, secret: str) -> Path:
        return self._folder.certificates / name / names.secret_file(secret)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {(error.strerror or 'input/output error').lower()}"
    return f"{type(error).__name__}: {error}"
