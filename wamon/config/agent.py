"""The section `conversations.agent`: which model answers where no fact does, what a call may cost, what it may say."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from wamon.config import fields, limits
from wamon.config.section import Section
from wamon.config.surroundings import path

FRAME_TOKENS = 300
"""The most that the words which wamon itself says to a model take, with the marks between messages."""
LEAST_BURST_TOKENS = 100
"""So much of a burst has room, whatever else there is."""
MOST_RATIO = 2.0
"""A model counts at most so many times the tokens that are estimated."""
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Instructions:
    """The file that tells a model what it is for, as it was when the config was read."""

    path: Path
    text: str


def tokens(text: str) -> int:
    """How many tokens a text has before any model has counted: a third of its bytes, rounded up."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


def _instructions(value: object, info: ValidationInfo) -> Instructions:
    if isinstance(value, Instructions):
        return value
    file = path(value, info)
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"should be a file of at most {_MOST_BYTES:,} bytes")
    return Instructions(file, text)


def _url(value: object) -> str:
    found = fields.text(value).rstrip("/")
    try:
        fields.http_url(found)
    except ValueError:
        found = ""
    if not found or "?" in found or found.endswith("/chat/completions"):
        raise ValueError("should be the address before /chat/completions, such as https://api.openai.com/v1")
    return found


def _key(value: object) -> SecretStr:
    return SecretStr(fields.token(value.get_secret_value() if isinstance(value, SecretStr) else value))


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Agent(Section):
    """A model behind a server that speaks as OpenAI's does. `instructions` None: only what wamon itself says to it."""

    enabled: bool = False
    url: Annotated[str, BeforeValidator(_url)] | None = Field(default=None, repr=False)
    model: Annotated[str, BeforeValidator(fields.name)] | None = None
    key: Annotated[SecretStr, BeforeValidator(_key)] | None = None
    instructions: Annotated[Instructions, BeforeValidator(_instructions)] | None = Field(default=None, repr=False)
    budget: Annotated[int, limits.number(1_000, 1_000_000)] = 4_000
    answer_tokens: Annotated[int, limits.number(1, 100_000)] = 300
    tokens_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    timeout: Annotated[timedelta, limits.span(_SECOND, _MINUTE, "between 1s and 1m")] = timedelta(seconds=10)
    max_chars: Annotated[int, limits.number(1, 4_000)] = 600
    links: bool = False

    @property
    def told(self) -> str:
        """What the file of instructions says; "" without one."""
        return self.instructions.text if self.instructions else ""

    @model_validator(mode="after")
    def _can_ask(self) -> Self:
        missing = [name for name in ("url", "model") if not getattr(self, name)]
        if self.enabled and missing:
            raise ValueError(f"is enabled without {' and '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _has_room_for_a_burst(self) -> Self:
        fixed = tokens(self.told) + FRAME_TOKENS + LEAST_BURST_TOKENS
        needed = int(fixed * MOST_RATIO) + self.answer_tokens
        if self.budget < needed:
            raise ValueError(
                f"has a budget without room for a burst: instructions and answer_tokens need at least {needed:,}"
            )
        return self
