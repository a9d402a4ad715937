"""The section `events`: where what happened goes out to, beside `wamon events`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from wamon.config import fields
from wamon.config.section import Section

_SERVER = r"(?:nats|tls)://[^\s,]+"
_URL = re.compile(rf"{_SERVER}(?:\s*,\s*{_SERVER})*")
_SUBJECT = re.compile(r"[^\s.*>]+(?:\.[^\s.*>]+)*")


def _url(value: object) -> SecretStr:
    found = fields.text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    if not _URL.fullmatch(found) or not all(map(_is_server, found.split(","))):
        raise ValueError("should be an address such as nats://host:4222, or several with commas, or empty")
    return SecretStr(found)


def _is_server(address: str) -> bool:
    """Whether it names a host, and nothing behind its port: a password with a `/` of its own would end up there."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and port != 0 and parts.path in {"", "/"} and not parts.query and not parts.fragment


def _subject(value: object) -> str:
    found = fields.text(value)
    if len(found) > 200 or not _SUBJECT.fullmatch(found):
        raise ValueError("should be a subject without wildcards, such as wamon or drops.lawley")
    return found


class Nats(Section):
    """A stream of NATS JetStream. `url` None: nothing goes out; it may hold a password or a token."""

    url: Annotated[SecretStr, BeforeValidator(_url)] | None = None
    subject: Annotated[str, BeforeValidator(_subject)] = "wamon"


class Events(Section):
    """Where what happened goes out to."""

    nats: Nats = Nats()
