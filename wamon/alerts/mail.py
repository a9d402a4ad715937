"""Mailing an alert by a mail server."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from wamon.alerts.channel import Refused
from wamon.config.alerts import PORTS
from wamon.net.address import NotSent, broken_off, connect
from wamon.net.deadline import limited

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

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
        message["Message-ID"] = f"<{alert.id}@{str(self._config.sender).rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(alert.text)
        return message

    def _mailed(self, plain: socket.socket, message: EmailMessage) -> None:
        greeting = self._config.helo or _own_name(plain)
        context = ssl.create_default_context()
        connection = plain
        if self._config.security == "tls":
            connection = context.wrap_socket(plain, server_hostname=self.host)
        server = _Connected(connection, self.host, greeting)
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
        return _refused(f"{host} refused user and password", [(error.smtp_code, error.smtp_error)], "Are both right?")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers: list[tuple[int, str | bytes]] = list(error.recipients.values())
        return _refused(f"{host} refused every address of `to`", answers, "Does it relay to them?")
    if isinstance(error, smtplib.SMTPResponseException):
        answers = [(error.smtp_code, error.smtp_error)]
        return _refused(f"{host} refused the mail", answers, "Does it take mail of this `from`?")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Refused(f"{host} lacks STARTTLS or a login.", hint="Is `security` of this channel right?")
    cause = error.__context__  # smtplib says of both, silence and a hang-up, that the server disconnected
    return broken_off(NotSent, host, cause if isinstance(cause, TimeoutError) else error)


def _refused(what: str, answers: Sequence[tuple[int, str | bytes]], usual_hint: str) -> Refused:
    """With the server's codes, also the enhanced one (RFC 3463), and none of its words: they may hold an address."""
    said = [text.decode(errors="replace") if isinstance(text, bytes) else text for _, text in answers]
    enhanced = [found[0] if (found := re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", text)) else "" for text in said]
    codes = sorted({f"{code} {more}".strip() for (code, _), more in zip(answers, enhanced, strict=True)})
    hint = usual_hint
    if any(re.search(r"\b(helo|ehlo)\b", text, re.IGNORECASE) for text in said):
        hint = "It doesn't accept the name by which this host greets it: set `helo` of this channel."
    elif any(re.match(r"[45]\.7\.", more) for more in enhanced):
        hint = f"That is a policy of the server's. {usual_hint} Is `helo` of this channel a name that it can resolve?"
    return Refused(f"{what} ({', '.join(codes)}).", hint=hint)


def _own_name(connection: socket.socket) -> str:
    """The name of this host where it is a full one, else its address (RFC 5321, 4.1.3). No resolver, which may hang."""
    name = os.uname().nodename
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        return name
    address = connection.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


class _Connected(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, connection: socket.socket, host: str, greeting: str) -> None:
        super().__init__(local_hostname=greeting)
        self._host = host  # what STARTTLS verifies
        self.sock = connection
        code, _ = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
