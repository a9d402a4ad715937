"""PostgreSQL's figures as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from wamon import __version__
from wamon.conversations.model import OUTCOMES, STATES
from wamon.views.figures import Behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from wamon.views.figures import Figures, Quantiles, Talks
    from wamon.views.sources import Source

_STATES = ("ok", "unknown", "warn", "bad")
"""A check's state is its place here, so that a higher one is worse."""
_UP = ("on-time", "late", "scan")
_KINDS = ("new", "resubmission", "rejected")


class Exposition:
    """A collector of what was found; of nothing where PostgreSQL couldn't be asked, but that no source is heard of."""

    def __init__(self, found: Figures | None, known: Sequence[str]) -> None:
        self._found = found
        self._known = known

    def collect(self) -> Iterator[Metric]:
        if self._found is None:
            yield _by_source("up", _UP_HELP, ((source, 0) for source in self._known or ("",)))
            return
        yield from _sources(self._found)
        yield from _others(self._found)


_UP_HELP = "1 where a source's last sign of life is young enough, else 0; 0 for all where PostgreSQL is away."


def _sources(found: Figures) -> Iterator[Metric]:
    def each(name: str, told: str, value: Callable[[Source], float | None]) -> Metric:
        return _by_source(name, told, ((source.name, value(source)) for source in found.sources))

    yield each("up", _UP_HELP, lambda source: source.sign in _UP)
    yield each("late", "1 where the next sign of life is overdue, but not long yet.", lambda s: s.sign == "late")
    yield each("status_age_seconds", "How old the last sign of life is.", lambda s: s.silent_seconds)
    recorded = CounterMetricFamily("wamon_messages_recorded", "Messages recorded so far.", labels=["source"])
    for source in found.sources:
        recorded.add_metric([source.name], source.messages)
    yield recorded
    behind = {source.name: found.behind.get(source.name, Behind()) for source in found.sources}
    yield each("messages_behind", "Messages in the store that aren't recorded yet.", lambda s: behind[s.name].messages)
    yield each("behind_seconds", "Age of the oldest of them.", lambda s: behind[s.name].seconds)
    yield each(
        "dead_letters", "Messages and deliveries that couldn't be recorded.", lambda s: found.dead.get(s.name, 0)
    )
    yield each(
        "last_verify_timestamp_seconds",
        "When the last verify ended.",
        lambda s: s.last_verify_at.timestamp() if s.last_verify_at else None,
    )
    yield each("last_verify_clean", "1 where it found nothing missing.", lambda s: s.last_verify_clean)
    yield each(
        "last_sweep_timestamp_seconds",
        "When the last sweep ended.",
        lambda s: s.last_sweep_at.timestamp() if s.last_sweep_at else None,
    )
    yield _checks(found.sources)


def _checks(known: Iterable[Source]) -> Metric:
    family = GaugeMetricFamily(
        "wamon_check_state", "A check of `wamon doctor`: 0 ok, 1 unknown, 2 warn, 3 bad.", labels=["source", "check"]
    )
    for source in known:
        states: dict[str, int] = {}
        for check in source.checks:
            states[check.name] = max(states.get(check.name, 0), _STATES.index(check.state))
        for name, state in states.items():
            family.add_metric([source.name, name], state)
    return family


def _others(found: Figures) -> Iterator[Metric]:
    info = GaugeMetricFamily("wamon_info", "This wamon and its schema.", labels=["version", "schema"])
    info.add_metric([__version__, str(found.schema)], 1)
    yield info
    posts = GaugeMetricFamily("wamon_posts_today", "Posts of today in watched groups.", labels=["project", "kind"])
    usual = GaugeMetricFamily("wamon_posts_usual", "New drops that are usual by now.", labels=["project"])
    for one in found.projects:
        for kind, count in zip(_KINDS, (one.new, one.again, one.rejected), strict=True):
            posts.add_metric([one.project, kind], count)
        if one.usual is not None:
            usual.add_metric([one.project], round(one.usual, 1))
    yield posts
    yield usual
    yield _by_state("groups", "Watched groups, by state.", {**dict.fromkeys(_STATES, 0), **found.groups})
    yield _by_state("replies", "Replies, by what became of them.", found.replies)
    events = {"new": found.events.new, "done": found.events.done, "dead": found.events.dead}
    yield _by_state("events", "Deliveries that are kept, by state.", events)
    yield GaugeMetricFamily(
        "wamon_event_oldest_seconds", "Since when the oldest new delivery is there.", found.events.oldest_seconds
    )
    yield CounterMetricFamily("wamon_joins", "Persons joined, who turned out to be one.", found.joins)
    if found.talks:
        yield from _talks(found.talks)


def _talks(found: Talks) -> Iterator[Metric]:
    yield _by_state("conversations", "Conversations, by state.", {s: found.conversations.get(s, 0) for s in STATES})
    yield GaugeMetricFamily(
        "wamon_conversation_oldest_waiting_seconds",
        "Since when the first waits for an answer.",
        found.oldest_waiting_seconds,
    )
    turns = CounterMetricFamily("wamon_turns", "Turns, by outcome.", labels=["outcome"])
    for outcome in OUTCOMES:
        turns.add_metric([outcome], found.turns.get(outcome, 0))
    yield turns
    for name, told, count in (
        ("follow_up_turns", "Turns about what came during another.", found.follow_ups),
        ("missed_messages", "Messages that colleagues and people wrote between our answers.", found.missed),
        ("orphans_found", "Conversations over a minute overdue that were made due.", found.orphans),
        ("fenced", "Writes that a fence refused: another had taken over.", found.fenced),
    ):
        yield CounterMetricFamily(f"wamon_{name}", told, count)
    yield _quantiles(
        "answer_wait", "From a burst's first message until its answer left, of an hour.", found.answered_after
    )
    yield _quantiles("turn", "How long turns took, of an hour.", found.turns_took)
    yield _quantiles("due_to_claimed", "From when a turn was due until it began, of an hour.", found.claimed_after)
    yield _quantiles("guard", "Claim and finish of a turn, of an hour.", found.guarded)
    off = GaugeMetricFamily("wamon_switch_off", "1 where something that speaks is switched off.", labels=["name"])
    for name, is_off in found.switches.items():
        off.add_metric([name], is_off)
    yield off
    calls = CounterMetricFamily(
        "wamon_agent_calls", "Questions to the agent, by what became of them.", labels=["outcome"]
    )
    for what, count in found.agent_calls.items():
        calls.add_metric([what], count)
    yield calls
    tokens = CounterMetricFamily("wamon_agent_tokens", "What they cost, by who counted it.", labels=["kind"])
    for kind, count in found.agent_tokens.items():
        tokens.add_metric([kind], count)
    yield tokens
    rests = GaugeMetricFamily("wamon_breaker_open", "1 where something is left alone as it fails.", labels=["name"])
    for name, is_open in found.breakers.items():
        rests.add_metric([name], is_open)
    yield rests


def _quantiles(name: str, told: str, seconds: Quantiles) -> Metric:
    family = GaugeMetricFamily(f"wamon_{name}_seconds", told, labels=["quantile"])
    for quantile, value in zip(("0.5", "0.95", "0.99"), seconds, strict=True):
        if value is not None:
            family.add_metric([quantile], value)
    return family


def _by_source(name: str, told: str, values: Iterable[tuple[str, float | None]]) -> Metric:
    family = GaugeMetricFamily(f"wamon_{name}", told, labels=["source"])
    for source, value in values:
        if value is not None:
            family.add_metric([source], float(value))
    return family


def _by_state(name: str, told: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"wamon_{name}", told, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family
