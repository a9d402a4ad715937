"""Every check, as people and pages see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from wamon.health.check import worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.health import check


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: Annotated[str, "constant, such as `bridge.freshness`: section and subject"]
    group: Annotated[str | None, "the project's name, where it is about one group"]
    jid: Annotated[str | None, "that group's JID"]
    state: Annotated[str, "`ok`, `warn`, `bad`, or `unknown` where it couldn't be looked at"]
    sentence: Annotated[str, "what was found"]
    hint: Annotated[str, "what to do; may be empty"]
    numbers: Annotated[Mapping[str, Any], "what was measured, such as `free_bytes`"]


@dataclass(frozen=True, slots=True)
class Doctor:
    """What `wamon doctor` found."""

    state: Annotated[str, "the worst of all checks: `ok`, `unknown`, `warn` or `bad`; with `bad` it ends with 1"]
    checks: tuple[Check, ...]


def doctor(checks: Sequence[check.Check]) -> Doctor:
    """What these checks found."""
    return Doctor(worst(checks), tuple(map(described, checks)))


def described(one: check.Check) -> Check:
    """One check's result."""
    return Check(
        name=one.name,
        group=one.group,
        jid=one.jid,
        state=one.state,
        sentence=one.sentence,
        hint=one.hint,
        numbers=one.numbers,
    )
