"""The section `web`: where `wamon web` listens, under which names it may be asked, and how links to it begin."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, model_validator

from wamon.config import fields
from wamon.config.section import Section

TOKEN_CHARACTERS = 24
"""The fewest of a token: it opens every page to whoever guesses it."""


@dataclass(frozen=True, slots=True)
class Listen:
    """An address of this host and a port. `address` is IPv4 or IPv6, without brackets."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def name(self) -> str:
        """The address as a URL and a Host header have it."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def url(self) -> str:
        """How a browser of this host finds it: an address of all interfaces is none to go to."""
        return (
            f"http://localhost:{self.port}" if ipaddress.ip_address(self.address).is_unspecified else f"http://{self}"
        )

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+|localhost)):([0-9]{1,5})")


def address_and_port(value: object) -> Listen:
    """Return where to listen: an address and a port."""
    if isinstance(value, Listen):
        return value
    match = _LISTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        address = "127.0.0.1" if match and match[2] == "localhost" else str(match and (match[1] or match[2]))
        return Listen(str(ipaddress.ip_address(address)), fields.port(match[3] if match else ""))
    except ValueError:
        raise ValueError("should be an address and a port such as 127.0.0.1:8006 or [::1]:8006") from None


def _host(value: object) -> str:
    found = fields.host(value).lower()
    return f"[{found}]" if ":" in found else found


def _token(value: object) -> SecretStr:
    found = fields.token(value.get_secret_value() if isinstance(value, SecretStr) else value)
    if len(found) < TOKEN_CHARACTERS:
        raise ValueError(f"should be at least {TOKEN_CHARACTERS} characters, such as `openssl rand -hex 24` prints")
    return SecretStr(found)


def _public_url(value: object) -> str:
    try:
        found = fields.http_url(value)
    except ValueError:
        found = ""
    parts = urlsplit(found)
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("should be the page's address without a path, such as https://wamon.example.com")
    return found.rstrip("/")


class Web(Section):
    """The page and its endpoints. Without a token or `public_url` it serves this host alone."""

    listen: Annotated[Listen, BeforeValidator(address_and_port)] = Listen("127.0.0.1", 8006)
    hosts: tuple[Annotated[str, BeforeValidator(_host)], ...] = ()
    token: Annotated[SecretStr, BeforeValidator(_token)] | None = None
    public_url: Annotated[str, BeforeValidator(_public_url)] | None = None

    @model_validator(mode="after")
    def _knows_its_name(self) -> Self:
        if self.public_url and _host(urlsplit(self.public_url).hostname) not in self.hosts:
            raise ValueError("needs the host of `public_url` among `hosts`")
        return self
