"""Connecting to a host that the config names, and to no host of the private network that its name may lead to.

The name is resolved once, and the very address that was looked at is connected to: a name can't be one thing when it is
looked at and another when it is used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from typing import TYPE_CHECKING, TypeVar

from wamon.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Error = TypeVar("_Error", bound=Retryable)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotSent(Retryable):
    """What was to be sent has certainly not left whole. It names the host, never a path or a token."""


def is_public(address: IP) -> bool:
    """Whether an address is one of the internet; also of an IPv4 address that is mapped into IPv6."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _inner(address: IP) -> IP | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def connect(host: str, port: int, seconds: float, *, allow_private: bool) -> socket.socket:
    """A connection to one of the host's addresses that may be used. Raises NotSent."""
    failed: OSError | None = None
    deadline_seconds = time.monotonic() + seconds
    for family, address in allowed(host, port, allow_private=allow_private):
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.settimeout(max(0.1, deadline_seconds - time.monotonic()))
            found.connect(address)
        except OSError as error:
            found.close()
            failed = error
        else:
            return found
    raise NotSent(
        f"{host} can't be reached: {_why(failed)}.", hint="Is the port right, and does a firewall let it out?"
    )


def allowed(host: str, port: int, *, allow_private: bool) -> Sequence[tuple[int, tuple[str, int]]]:
    """The host's addresses that may be connected to, each with its family. Raises NotSent where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotSent(f"{host} has no address.", hint="Is the name right, and does this host's DNS work?") from None
    allowed = [
        (family, address)
        for family, _, _, _, address in found
        if allow_private or is_public(ipaddress.ip_address(str(address[0]).partition("%")[0]))
    ]
    if not allowed:
        raise NotSent(
            f"{host} is an address of a private network, which is refused.",
            hint="Set allow_private beside it in the config where that is meant.",
        )
    return allowed  # type: ignore[return-value]


def _why(error: OSError | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or type(error).__name__ if error else "no address answered"


def broken_off(kind: type[_Error], host: str, error: Exception, *, timed_out: bool = False) -> _Error:
    """An error of this kind that says why talk with a host ended, where the host itself didn't say."""
    if timed_out or isinstance(error, TimeoutError):
        return kind(f"{host} gave no answer in time.", hint="Is the port right?")
    if isinstance(error, ssl.SSLCertVerificationError):
        return kind(f"{host} isn't who it says: {error.verify_message}.", hint="Is its name right in the config?")
    if isinstance(error, ssl.SSLError):
        return kind(f"{host} speaks no TLS that can be trusted.", hint="Are the port, and with or without TLS, right?")
    return kind(f"{host} broke the connection off, or gave an answer of another kind.", hint="Is the port right?")
