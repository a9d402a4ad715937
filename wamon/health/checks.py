"""Every check of what was looked at. `wamon status`, `wamon doctor`, alerts and systemd read the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.health import bridge, database, files, hooks, recording
from wamon.health.check import Check, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wamon.health.facts import Facts

_SECTIONS = ("bridge", "recording", "database", "files", "clock", "hooks", "conversations", "events")


def check_all(facts: Facts) -> list[Check]:
    """Every check of what was looked at, by section."""
    return sorted(judged(facts), key=_section)


def unwell(checks: Iterable[Check]) -> list[Check]:
    """Those that aren't in order, by section: of ten thousand groups' checks the others aren't even kept."""
    return sorted((check for check in checks if check.state is not State.OK), key=_section)


def judged(facts: Facts) -> Iterator[Check]:
    """Every check, one after the other."""
    for room in (bridge, recording, database, files, hooks):
        yield from room.checks(facts)
    if facts.conversations is not None:
        from wamon.health import conversations

        config = facts.subject.config
        yield conversations.way(config)
        yield from conversations.checks(config.conversations, facts.conversations, facts.database_now)
        if config.conversations.agent.enabled:
            yield conversations.agent(config, facts.conversations, facts.database_now)
    if facts.events_out is not None:
        from wamon.health import events

        yield events.behind(facts.events_out)


def _section(check: Check) -> int:
    return _SECTIONS.index(check.section)
