"""What an attack is told of the mesh: addresses, fresh accounts of its own, and what anybody may know."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pillion.attack.bait import Bait
from pillion.vocabulary import Cookies


@dataclass(frozen=True)
class Door:
    """An address of the mesh. `authority` is what requests name there; `source` is from where, if not anywhere.

    `path` is that of a Unix socket, in place of host and port; `tls2` is for HTTP/2,
    `patience` how many seconds an answer may take. Where it is reached from another network than ours,
    `network` makes sockets there.
    """

    name: str
    kind: Literal["edge", "sidecar", "egress", "service", "control", "identity", "admin", "probes"]
    host: str = ""
    port: int = 0
    path: str = ""
    authority: str = "localhost"
    tls: ssl.SSLContext | None = None
    tls2: ssl.SSLContext | None = None
    source: str | None = None
    patience: float = 5.0
    network: Callable[[], socket.socket] | None = None

    def seen_from(self, address: str | None) -> "Door":
        """Give the same door for somebody at another address of this machine."""
        return replace(self, source=address)

    def by_tls(self, tls: ssl.SSLContext, tls2: ssl.SSLContext | None = None) -> "Door":
        """Give the same door for somebody who speaks TLS there in this way."""
        return replace(self, tls=tls, tls2=tls2 or tls)

    def __str__(self) -> str:
        return self.name if self.kind in {self.name, "service"} else f"{self.name}'s {self.kind}"


@dataclass(frozen=True)
class Account:
    """An account that was made for the run."""

    email: str
    password: str


@dataclass(frozen=True)
class Browser:
    """What a browser holds that has signed in."""

    session: str
    token: str

    def cookie(self, names: Cookies, *, token: bool = True) -> str:
        """Write its Cookie header, with the token or with the session alone."""
        held = f"{names.session}={self.session}"
        return f"Cookie: {held}; {names.token}={self.token}" if token else f"Cookie: {held}"


@dataclass(frozen=True)
class Client:
    """An OAuth client that was made for the run; its tokens may also be for `audience`, which is not the mesh."""

    client_id: str
    secret: str
    redirect_uri: str
    audience: str


@dataclass(frozen=True)
class Place:
    """A path at the edge, and the service behind it; empty where Pillion answers itself."""

    path: str
    service: str = ""


@dataclass(frozen=True)
class Places:
    """What was found by looking.

    `protected` asks for a token, `open` does not, `guarded` refuses our ordinary user (no such place: None), and
    at `telling` the answer says who was taken for the caller.
    """

    protected: Place
    open: Place
    guarded: Place | None
    telling: Place | None
    telling_openly: Place | None


@dataclass(frozen=True)
class Target:
    """The mesh under attack.

    `peers` are the sidecars as for somebody who stole the certificate of a workload that may call them,
    `intruders` as for one of another workload. `apart` are services in networks of their own, whose addresses
    cannot be reached from here; `isolated`: all should be. `strays` are addresses where processes of the mesh
    listen that nobody knows. `calls` are pairs of services of which the first may call the second.

    `walls` are doors that the network itself keeps from who stands where each is tried, `gates` the same ones for
    somebody whom it lets through.

    `user`, `other` and `leaver` are ordinary accounts, of whom the last one ends all their sessions. `token` is a
    good token of the user's, `browser` has signed in as them and `attacker` as the other one; `expired` is a token
    that was good for a second. `elsewhere` is another address of this machine, of the attacker's own, so that
    their failures are not counted to others. Within `spread_seconds` of a session's end its tokens must be
    refused: a second is promised, but a busy machine may be late.
    """

    origin: str
    edge: Door
    sidecars: tuple[Door, ...]
    peers: tuple[Door, ...]
    intruders: tuple[Door, ...]
    egresses: tuple[Door, ...]
    services: tuple[Door, ...]
    apart: tuple[str, ...]
    insides: tuple[Door, ...]
    strays: tuple[str, ...]
    calls: frozenset[tuple[str, str]]
    cookies: Cookies
    places: Places
    key: dict[str, str]
    user: Account
    other: Account
    leaver: Account
    client: Client
    token: str
    browser: Browser
    attacker: Browser
    expired: str
    bait: Bait
    walls: tuple[Door, ...] = ()
    gates: tuple[Door, ...] = ()
    isolated: bool = False
    elsewhere: str | None = None
    spread_seconds: float = 3.0

    @property
    def sidecar(self) -> Door | None:
        """The sidecar of the protected place's service, as its peer finds it; None if there is none."""
        found = [door for door in self.peers if door.name == self.places.protected.service]
        return found[0] if found else None
