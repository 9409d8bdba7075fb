"""How mail leaves: from whom, through which server, and where it stays on this machine instead."""

import re
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from pillion.topology.address import Address, text
from pillion.topology.fitness import unfit
from pillion.topology.origin import is_this_machine

_ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
# What a mail program shows as the sender's name; the rest are marks that a mail's head gives a meaning to.
_NAME: Final = r'[^\x00-\x1f\x7f<>"\\@,;:()]{1,100}'
SENDER: Final = re.compile(rf"(?:{_NAME} )?<{_ADDRESS}>|{_ADDRESS}")
# The last @ ends user and password, which may hold others: a password often comes as ${NAME}, as it is.
SERVER: Final = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^:\s]+):(?P<password>\S+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)
_PORTS: Final = {"smtp": 587, "smtps": 465}  # RFC 8314, sections 3.3 and 7.3
_LARGEST_PORT: Final = 65535


class MailServer(BaseModel):
    """Where mail is handed in. `tls`: from the first byte, by STARTTLS, or not at all (on this machine alone)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    user: str = ""
    password: SecretStr = SecretStr("")


def parse_sender(written: str) -> str:
    """Read whom mail comes from: an address, or a name with one (RFC 5322, section 3.4)."""
    if not SENDER.fullmatch(written):
        raise unfit(
            "bad-mail-sender", "{written} is no sender: write 'Shop <noreply@shop.example>', or the address"
        )
    return written


def parse_mail_server(value: Any) -> MailServer:
    """Read the URL of a mail server. No message quotes the value: it may hold a password."""
    if isinstance(value, MailServer):
        return value
    found = SERVER.fullmatch(text(value))
    port = int(found["port"] or _PORTS[found["scheme"]]) if found else 0
    if found is None or not 0 < port <= _LARGEST_PORT:
        raise unfit(
            "bad-mail-server",
            "this is no mail server: write smtp://USER:PASSWORD@HOST:587, or smtps:// for TLS from the start",
        )
    host = found["host"].strip("[]")
    tls: Literal["implicit", "starttls", "none"] = "implicit" if found["scheme"] == "smtps" else "starttls"
    if tls == "starttls" and is_this_machine(host):
        tls = "none"
    return MailServer(
        host=host,
        port=port,
        tls=tls,
        user=unquote(found["user"] or ""),
        password=SecretStr(unquote(found["password"] or "")),
    )


def stays_here(listen: Address, origin: str) -> bool:
    """Tell whether the edge is for this machine alone, so that a local mailbox may stand in for a mail server.

    The origin counts as well: where something in front of the edge lets others in, it names another host.
    """
    return listen.ip.is_loopback and is_this_machine(urlsplit(origin).hostname or "")
