"""The section `replies`: what is said into the groups about what was posted there, when, and by which API."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, ClassVar, Literal, cast, get_args
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr

from wamon.config import fields
from wamon.config.section import Section

ReplyKind = Literal["new", "resubmission", "rejected", "near-miss"]
REPLY_KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)

_LONGEST = 500
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("drop", "digits", "project", "likely")


def _template(value: object) -> str:
    found = "" if value is None else fields.text(value)
    if len(found) > _LONGEST:
        raise ValueError(f"should be at most {_LONGEST} characters")
    if not set(_PLACEHOLDER.findall(found)) <= set(_KNOWN):
        raise ValueError("should have no placeholders but {drop}, {digits}, {project}, {likely}")
    return found


def _token(value: object) -> SecretStr:
    return SecretStr(fields.token(value.get_secret_value() if isinstance(value, SecretStr) else value))


def _url(value: object) -> str:
    try:
        return fields.http_url(value)
    except ValueError:
        raise ValueError("should be the send API's address such as http://127.0.0.1:8080/api/send") from None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day to another, in the config's zone; over midnight where the first is the later one."""

    begin: time
    end: time

    def hold(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether a moment lies within them."""
        at = moment.astimezone(zone).time()
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def _quiet_hours(value: object) -> QuietHours:
    if isinstance(value, QuietHours):
        return value
    try:
        begin, end = map(fields.time_of_day, value.split("-") if isinstance(value, str) else ())
    except ValueError:
        begin = end = time()
    if begin == end:
        raise ValueError("should be two times of day such as 20:00-06:00, or empty")
    return QuietHours(begin, end)


Template = Annotated[str, BeforeValidator(_template)]
GroupTemplate = Annotated[str | None, BeforeValidator(_template)]


class Templates(Section):
    """What is said of each kind; empty: nothing. As shipped, no text holds what would be read as a drop number."""

    empty_counts: ClassVar[frozenset[str]] = frozenset(REPLY_KINDS)

    new: Template = "✓ {digits} recorded for {project}."
    resubmission: Template = "✓ {digits} posted again for {project}, noted."
    rejected: Template = "✗ {digits} isn't on the list of {project}. Please check it and post it again."
    near_miss: Template = Field(
        default="✗ No drop number can be read there. Please post it once more, letters and digits together.",
        alias="near-miss",
    )


class GroupTemplates(Section):
    """What is said otherwise in one group; None: as everywhere."""

    empty_counts: ClassVar[frozenset[str]] = frozenset(REPLY_KINDS)

    new: GroupTemplate = None
    resubmission: GroupTemplate = None
    rejected: GroupTemplate = None
    near_miss: GroupTemplate = Field(default=None, alias="near-miss")

    def over(self, usual: Templates) -> dict[ReplyKind, str]:
        """The template of each kind of which something is said here."""
        own, others = self.model_dump(by_alias=True), usual.model_dump(by_alias=True)
        chosen = {kind: others[kind] if own[kind] is None else own[kind] for kind in REPLY_KINDS}
        return {kind: template for kind, template in chosen.items() if template}


class Replies(Section):
    """Answers into the groups, by the bridge's send API."""

    enabled: bool = False
    url: Annotated[str, BeforeValidator(_url)] = "http://127.0.0.1:8080/api/send"
    token: Annotated[SecretStr, BeforeValidator(_token)] | None = None
    max_age: Annotated[timedelta, BeforeValidator(fields.age)] = timedelta(minutes=10)
    quiet_hours: Annotated[QuietHours, BeforeValidator(_quiet_hours)] | None = None
    per_minute: Annotated[int, BeforeValidator(fields.per_minute)] = 6
    templates: Templates = Templates()


def filled(template: str, *, drop: str, project: str, likely: str | None) -> str:
    """A template with its placeholders filled, in one go: what fills them is never read as a placeholder."""
    values = {
        "drop": drop,
        "digits": "".join(character for character in drop if character in "0123456789"),
        "project": project,
        "likely": likely or "",
    }
    return _PLACEHOLDER.sub(lambda found: values[cast("str", found[1])], template).strip()
