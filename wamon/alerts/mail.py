"""Mailing an alert by a mail server."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from wamon.alerts.channels import Refused
from wamon.config.alerts import PORTS
from wamon.net.address import NotSent, broken_off, connect
from wamon.net.deadline import limited

if TYPE_CHECKING:
    import socket

    from wamon.alerts.model import Alert
    from wamon.config.alerts import Mail
    from wamon.errors import Retryable
    from wamon.net.message import Bounds


class MailChannel:
    """One mail server and those who get mail by it."""

    name = "mail"

    def __init__(self, config: Mail, host: str, bounds: Bounds) -> None:
        self._config = config
        self.host = host
        self._bounds = bounds

    def send(self, alert: Alert) -> None:
        """Mail it to everyone. Raises NotSent, Refused where none of them gets it."""
        port, seconds = self._config.port or PORTS[self._config.security], self._bounds.answer_seconds
        with (
            connect(self.host, port, self._bounds.connect_seconds, allow_private=self._config.allow_private) as plain,
            limited(plain, seconds) as cut,
        ):
            try:
                self._mailed(plain, self._message(alert))
            except (OSError, smtplib.SMTPException) as error:
                raise _failure(self.host, error, timed_out=cut.is_set()) from None

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._config.sender
        message["To"] = ", ".join(self._config.to)
        message["Subject"] = alert.subject
        message["Date"] = format_datetime(alert.at)
        message["Message-ID"] = f"<{alert.id}@wamon.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(alert.text)
        return message

    def _mailed(self, plain: socket.socket, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        connection = plain
        if self._config.security == "tls":
            connection = context.wrap_socket(plain, server_hostname=self.host)
        server = _Connected(connection, self.host)
        try:
            if self._config.security == "starttls":
                server.starttls(context=context)
            if self._config.user and self._config.password:
                server.login(self._config.user, self._config.password.get_secret_value())
            server.send_message(message)
            with suppress(OSError, smtplib.SMTPException):  # it has taken the mail
                server.quit()
        finally:
            server.close()


def _failure(host: str, error: Exception, *, timed_out: bool) -> Retryable:
    if timed_out:  # half a line reads like a refusal
        return broken_off(NotSent, host, error, timed_out=True)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Refused(f"{host} refused user and password ({error.smtp_code}).", hint="Are both right?")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _ in error.recipients.values()})
        return Refused(f"{host} refused every address of `to` ({', '.join(codes)}).", hint="Does it relay to them?")
    if isinstance(error, smtplib.SMTPResponseException):
        return Refused(f"{host} refused the mail ({error.smtp_code}).", hint="Does it take mail of this `from`?")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Refused(f"{host} lacks STARTTLS or a login.", hint="Is `security` of this channel right?")
    cause = error.__context__  # smtplib says of both, silence and a hang-up, that the server disconnected
    return broken_off(NotSent, host, cause if isinstance(cause, TimeoutError) else error)


class _Connected(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        super().__init__(local_hostname="wamon.invalid")
        self._host = host  # what STARTTLS verifies
        self.sock = connection
        code, _ = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
