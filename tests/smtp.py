"""A real mail server for tests, which may refuse, fail, or want TLS and a password."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER = "robot@shop.example"
PASSWORD = "p/a@s:s"


@dataclass
class Post:
    """What a server was handed. While `refusing` holds an answer, that is what each mail gets."""

    mails: list[EmailMessage] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if answer := self.refusing.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail, or not."""
        if answer := self.refusing.get("DATA"):
            return answer
        self.recipients += envelope.rcpt_tos
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def server(port: int = 0, tls: ssl.SSLContext | None = None, *, password: bool = False) -> Iterator[Post]:
    """Serve until the block ends; `tls` offers STARTTLS and `password` wants USER and PASSWORD."""
    post = Post()
    controller = Controller(
        post,
        hostname="127.0.0.1",
        port=port or _free_port(),
        tls_context=tls,
        require_starttls=tls is not None,
        auth_required=password,
        authenticator=_authenticate if password else None,
    )
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()


def _free_port() -> int:
    from tests.mesh import free_ports  # noqa: PLC0415 - imports much

    return int(free_ports(1)[0])
