"""Why an alert couldn't be sent."""

from __future__ import annotations

import ssl

from wamon.errors import Retryable


class NotSent(Retryable):
    """A channel didn't take an alert. It names the channel's host, never its path, its token or what it answered."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)


def broken_off(host: str, error: Exception) -> NotSent:
    """Why talk with a host ended, where the host itself didn't say."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotSent(f"{host} isn't who it says: {error.verify_message}.", "Is its name right in the config?")
    if isinstance(error, ssl.SSLError):
        return NotSent(f"{host} speaks no TLS that can be trusted.", "Are the port, and with or without TLS, right?")
    if isinstance(error, TimeoutError):
        return NotSent(f"{host} gave no answer in time.", "Is the port right?")
    return NotSent(f"{host} broke the connection off, or gave an answer of another kind.", "Is the port right?")
