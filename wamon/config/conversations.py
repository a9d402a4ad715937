"""The section `conversations`: whose bursts are answered, when, and in which words."""

import re
from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from wamon.config import fields, limits
from wamon.config.agent import Agent
from wamon.config.section import Section

_LONGEST = 500
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("drop", "digits", "project", "status", "count")


def _template(value: object) -> str:
    found = "" if value is None else fields.text(value)
    if len(found) > _LONGEST:
        raise ValueError(f"should be at most {_LONGEST} characters")
    if not set(_PLACEHOLDER.findall(found)) <= set(_KNOWN):
        raise ValueError(f"should have no placeholders but {', '.join(f'{{{name}}}' for name in _KNOWN)}")
    return found


def _label(value: object) -> str:
    found = fields.text(value)
    if len(found) > 100 or "\n" in found:
        raise ValueError("should be one line of at most 100 characters")
    return found


def people(text: str) -> list[str]:
    """The persons whom a variable names, with commas between."""
    return [each.strip() for each in text.split(",") if each.strip()]


def _people(value: object) -> object:
    return people(value) if isinstance(value, str) else value


_MINUTE, _DAY, _WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(days=7)
Person = Annotated[str, BeforeValidator(fields.name)]
Missed = Annotated[timedelta, limits.span(_MINUTE, _DAY, "between 1m and 1d")]
Wait = Annotated[timedelta, limits.span(timedelta(seconds=1), _DAY, "between 1s and 1d")]
Template = Annotated[str, BeforeValidator(_template)]
Label = Annotated[str, BeforeValidator(_label)]


class Waits(Section):
    """How long one kind of conversation waits: for quiet, at most, and until an answer would come too late."""

    settle: Wait
    max_wait: Wait
    answer_within: Wait

    @model_validator(mode="after")
    def _each_is_at_least_the_one_before(self) -> Self:
        if not self.settle <= self.max_wait <= self.answer_within:
            raise ValueError("should have settle ≤ max_wait ≤ answer_within")
        return self


class DirectWaits(Waits):
    """Those of one-to-one conversations."""

    settle: Wait = timedelta(seconds=5)
    max_wait: Wait = timedelta(seconds=30)
    answer_within: Wait = timedelta(minutes=10)


class GroupWaits(Waits):
    """Those of conversations in watched groups."""

    settle: Wait = timedelta(seconds=20)
    max_wait: Wait = timedelta(seconds=65)
    answer_within: Wait = timedelta(minutes=30)


class Templates(Section):
    """What is said; empty: nothing."""

    empty_counts: ClassVar[frozenset[str]] = frozenset({"status", "unknown", "digest", "fallback"})

    status: Template = "{digits}: {status} ({project})."
    unknown: Template = "{digits} isn't recorded for {project}."
    digest: Template = "✓ {count} posts recorded for {project}."
    fallback: Template = ""


class Labels(Section):
    """How a burst names what was missed before it."""

    heading: Label = "Said between our last answer and this:"
    person: Label = "Customer"
    agent: Label = "Agent"


class Conversations(Section):
    """Answers to bursts of messages. It speaks where enabled, to whom is chosen, and where there is a way to send."""

    enabled: bool = False
    groups: bool = False
    users: Annotated[tuple[Person, ...], BeforeValidator(_people)] = Field(default=(), repr=False)
    percentage: Annotated[int, limits.number(0, 100)] = 0
    workers: Annotated[int, limits.number(1, 32)] = 2
    direct: DirectWaits = DirectWaits()
    group: GroupWaits = GroupWaits()
    missed_after: Missed = timedelta(minutes=5)
    missed_after_for: dict[Person, Missed] = Field(default={}, repr=False)
    human_for: Annotated[timedelta, limits.span(timedelta(), _WEEK, "between 0s and 7d")] = timedelta()
    keep_text: Annotated[timedelta, limits.span(timedelta(), timedelta(days=90), "between 0s and 90d")] = _WEEK
    per_minute: Annotated[int, limits.number(1, 6_000)] = 120
    templates: Templates = Templates()
    labels: Labels = Labels()
    agent: Agent = Agent()

    @property
    def choose_nobody(self) -> bool:
        """Whether nobody is answered, however many write."""
        return not (self.users or self.percentage)


def filled(template: str, *, drop: str, project: str, status: str = "", count: int = 0) -> str:
    """A template with its placeholders filled, in one go: what fills them is never read as a placeholder."""
    values = {
        "drop": drop,
        "digits": "".join(one for one in drop if one in "0123456789, …"),
        "project": project,
        "status": status,
        "count": str(count),
    }
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template).strip()
