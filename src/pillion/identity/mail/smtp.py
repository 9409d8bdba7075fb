"""Handing mail in at a server (RFC 6409), over TLS that is checked, or not at all."""

import smtplib
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Final, Self

from pillion.identity.config import MailServer

# For one step of the conversation, in seconds.
_PATIENCE: Final = 20.0
_PERMANENT: Final = range(500, 600)  # RFC 5321, section 4.2.1


class NotSentError(Exception):
    """The mail could not be handed in now; the message says why, without anybody's address."""


class RefusedError(Exception):
    """The server will never take a mail for this recipient."""


class Connection:
    """A connection, opened when there is something to send; used for one mail after another."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self._smtp.close()

    def send(self, message: EmailMessage) -> None:
        """Hand a mail in; raises NotSentError or RefusedError."""
        try:
            if self._smtp is None:
                self._smtp = self._open()
            self._smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = min(code for code, _ in error.recipients.values())
            if code in _PERMANENT:
                raise RefusedError(f"the recipient is refused ({code})") from None
            self._drop()
            raise NotSentError(f"the recipient is not accepted now ({code})") from None
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise NotSentError(f"{type(error).__name__} ({error.smtp_code})") from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else None
            raise NotSentError(reason or type(error).__name__) from None

    def _open(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.tls == "implicit":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=_PATIENCE, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=_PATIENCE)
        try:
            if server.tls == "starttls":  # raises where the server has none: nothing goes out in clear
                smtp.starttls(context=context)
            if server.user:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None
