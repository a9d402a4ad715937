"""Do events go out to where the config says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.health.check import Absent, Check, State, unknown
from wamon.words import span

if TYPE_CHECKING:
    from wamon.health.event_facts import EventFacts

_WAITS_SECONDS = 60.0
_HINT = "Nothing is lost: they go out once it works. docs/scaling.md says what the stream must be."


def behind(found: EventFacts | Absent) -> Check:
    """How long the oldest event has waited for its acknowledgement."""
    if isinstance(found, Absent):
        return unknown("events.behind", found)
    if not found.has_begun:
        return Check("events.behind", State.UNKNOWN, "No event has gone out yet.", "`wamon run` publishes them.")
    seconds = found.behind_seconds or 0.0
    numbers = {"behind_seconds": seconds, "failing_seconds": found.failing_seconds}
    if seconds <= _WAITS_SECONDS:
        return Check("events.behind", State.OK, "Events go out to NATS.", numbers=numbers)
    why = f" {found.why}" if found.why else " Does a `wamon run` with this config work?"
    sentence = f"Events have waited for {span(seconds)} to go out to NATS.{why}"
    return Check("events.behind", State.WARN, sentence, _HINT, numbers=numbers)
