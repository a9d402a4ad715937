"""A check's result. Who asked prints it, alerts on it or sends it to systemd: a check itself says nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wamon.errors import WamonError


class State(StrEnum):
    """How something is, the best first. `unknown`: it couldn't be looked at, or there is nothing yet to look at."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. It names paths, groups and hosts; never a sender, never what a message says."""

    name: str  # constant, such as `bridge.freshness`: section and subject
    state: State
    sentence: str
    hint: str = ""
    group: str | None = None  # the project's name, where it is about one group
    jid: str | None = None
    numbers: Mapping[str, object] = field(default_factory=dict)

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Absent:
    """What can't be looked at, and why, in a sentence."""

    why: str
    hint: str = ""
    state: State = State.UNKNOWN

    @classmethod
    def because(cls, error: WamonError) -> Absent:
        return cls(str(error), error.hint, State.BAD)


TITLES = {
    "config.file": "The config",
    "bridge.rights": "Rights on the bridge's files",
    "bridge.store": "The bridge's store",
    "bridge.journal": "The store's journal",
    "bridge.doorbell": "Whether a write is noticed at once",
    "bridge.source": "Whose store it is",
    "bridge.writing": "Whether the bridge still brings messages",
    "bridge.dropped": "Whether the store has what hooks brought",
    "bridge.freshness": "How fresh a group is",
    "bridge.captions": "Whether the bridge keeps captions",
    "recording.daemon": "The daemon",
    "recording.lag": "How far a group is behind",
    "recording.dead": "Dead letters",
    "recording.reviews": "Rows of the office's tables that wait",
    "recording.names": "Whether groups have their new names",
    "recording.sweep": "The last sweep",
    "recording.verify": "The last verify",
    "database.server": "PostgreSQL",
    "database.version": "The server's version",
    "database.encoding": "The database's encoding",
    "database.schema": "The schema",
    "database.review": "The review table",
    "files.folder": "The state directory",
    "files.state": "The state file",
    "files.set_aside": "State files set aside",
    "files.room": "Room on the disk",
    "clock.messages": "The messages' times",
    "clock.database": "The clocks of host and database",
    "hooks.address": "Whether a hook's address exists",
    "hooks.source": "Whose second witness a hook is",
    "hooks.refused": "Deliveries that were refused",
    "hooks.refusing": "Whether many are refused now",
    "hooks.quiet": "Whether deliveries still come",
    "hooks.empty": "Whether deliveries hold messages",
    "hooks.parked": "Deliveries that couldn't be recorded",
    "hooks.waiting": "Deliveries that nobody takes in",
    "conversations.chosen": "Whether anybody is answered",
    "conversations.way": "Whether answers can be sent",
    "conversations.agent": "Whether the agent is asked",
    "conversations.orphans": "Whom no turn came to",
    "conversations.unanswered": "Who waits for an answer",
    "conversations.stuck": "What is overdue by minutes",
    "conversations.dead": "Bursts that were given up",
    "conversations.stale": "Bursts that were too old to answer",
    "conversations.errors": "Turns that fail",
    "conversations.slow": "How long turns take",
    "conversations.double_start": "Whether a burst begins once",
    "conversations.missed": "What was said between our answers",
    "events.behind": "Whether events go out",
}
"""Every check by its name, and what it looks at."""
NOT_LOOKED_AT = ": not looked at. "
"""What stands between a check's title and why it can't run."""


def unknown(name: str, absent: Absent) -> Check:
    """The result of a check that can't run."""
    return Check(name, State.UNKNOWN, f"{TITLES[name]}{NOT_LOOKED_AT}{absent.why}", absent.hint)


def worst(checks: Iterable[Check]) -> State:
    """The state of them all."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.OK)


def summary(checks: Iterable[Check]) -> str:
    """All in one line, as for systemd's STATUS: what is bad, else what to look at, else that all is well."""
    for state in (State.BAD, State.WARN):
        told = [check.sentence for check in checks if check.state is state]
        if told:
            return f"{told[0]} And {len(told) - 1} more." if len(told) > 1 else told[0]
    return "All is well."
