"""The section `hooks`: at which addresses providers may deliver, what proves them, and whose messages they bring."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from wamon.config import fields
from wamon.config.section import Section

SECRET_CHARACTERS = 16
"""The fewest of a secret: GOWA's own default, the word `secret`, is known to everybody."""
MOST_SECRETS = 2

Provider = Literal["meta", "wati", "manychat", "gowa", "wacli", "vgp", "felixisaac", "evolution", "waha"]
_OF_ONE: dict[str, Provider] = {"verify_token": "meta", "numbers": "meta", "history": "wati"}
_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")


def _name(value: object) -> str:
    found = fields.text(value)
    if not _NAME.fullmatch(found):
        raise ValueError("should be 1 to 40 letters, digits and -: it ends the address /hooks/<name>")
    return found


def _token(value: object) -> SecretStr:
    return SecretStr(fields.token(value.get_secret_value() if isinstance(value, SecretStr) else value))


def _secret(value: object) -> SecretStr:
    found = _token(value)
    if len(found) < SECRET_CHARACTERS:
        raise ValueError(f"should be at least {SECRET_CHARACTERS} characters, such as `openssl rand -hex 24` prints")
    return found


def _secrets(value: object) -> object:
    """One secret or a list of them, without the empty ones: a variable that is empty is none."""
    if not isinstance(value, list | tuple):
        return (_secret(value),)
    found = tuple(_secret(one) for one in value if one not in {None, ""})
    if len(found) > MOST_SECRETS:
        raise ValueError(f"should be at most {MOST_SECRETS}: the old one and the new one")
    return found


def _send_url(value: object) -> str:
    try:
        found = fields.http_url(value)
    except ValueError:
        found = ""
    parts = urlsplit(found)
    if parts.scheme.lower() != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("should be an address that begins with https://, or one of this host")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


Name = Annotated[str, BeforeValidator(fields.name)]
Token = Annotated[SecretStr, BeforeValidator(_token)]


class Send(Section):
    """The API by which answers leave. `url` None: the hook can't answer."""

    url: Annotated[str, BeforeValidator(_send_url)] | None = Field(default=None, repr=False)
    token: Token | None = None


class Hook(Section):
    """One address of one provider. Without a secret it doesn't exist.

    `of` None: its messages are a source of their own, named as the hook. `project` None: no drops in direct chats.
    """

    name: Annotated[str, BeforeValidator(_name)]
    provider: Provider
    secret: Annotated[tuple[SecretStr, ...], BeforeValidator(_secrets)] = ()
    of: Name | None = None
    account: Name | None = None
    project: Name | None = None
    verify_token: Token | None = None
    numbers: tuple[Annotated[str, BeforeValidator(fields.name)], ...] = ()
    history: bool = False
    send: Send = Send()

    @property
    def source(self) -> str:
        """The source that its messages belong to."""
        return self.of or self.name

    @property
    def ids_of(self) -> str:
        """The account in which an id of a person means something."""
        return self.account or self.source

    @property
    def secret_file(self) -> str:
        """Where the secret lies, as `wamon init --bot` has it, in words."""
        name = f"hook-{self.name.lower()}"
        return f"secrets/{name} beside the config (beside prod.yaml: prod.secrets/{name})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What proves a delivery, one or two; none: no such address."""
        return tuple(one.get_secret_value() for one in self.secret)

    @model_validator(mode="after")
    def _has_only_its_own(self) -> Self:
        for key, provider in _OF_ONE.items():
            if getattr(self, key) and self.provider != provider:
                raise ValueError(f"has `{key}`, which only {provider} needs")
        return self
