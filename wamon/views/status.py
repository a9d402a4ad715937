"""How things are, on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from wamon.health.check import Absent, State, worst
from wamon.views.doctor import Check, described
from wamon.words import age

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wamon.health import check
    from wamon.health.facts import Facts, GroupFacts


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind its bridge."""

    messages: Annotated[int | None, "messages in the store that aren't recorded yet"]
    seconds: Annotated[float | None, "age of the oldest of them"]
    more: Annotated[bool | None, "there are more: only the first thousands were counted"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether a group's silence is usual."""

    state: Annotated[str, "`warn` where it is silent for longer than usual; else `ok` or `unknown`"]
    age_seconds: Annotated[float | None, "for how long it has been silent"]
    usual_seconds: Annotated[
        float | None, "how long a silence usually gets at this hour of the week; null with too little history"
    ]


@dataclass(frozen=True, slots=True)
class GroupToday:
    """What was posted in a group today."""

    new: Annotated[int | None, "drop numbers posted for the first time today, in the configured zone"]
    resubmission: Annotated[int | None, "drop numbers posted again today"]
    usual: Annotated[
        float | None,
        "new drop numbers by now on the same weekday, the median of the last six weeks by half hour, within one its "
        "share; null where there was none",
    ]


@dataclass(frozen=True, slots=True)
class Group:
    """How a watched group is."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    messages: Annotated[int | None, "messages recorded so far"]
    last_message_at: Annotated[datetime | None, "when the newest message was sent, recorded or not"]
    lag: Lag
    freshness: Freshness
    today: GroupToday
    dead: Annotated[int | None, "messages that are dead letters"]


@dataclass(frozen=True, slots=True)
class Today:
    """What was posted today."""

    new: Annotated[int | None, "of all groups"]
    resubmission: Annotated[int | None, "of all groups"]
    usual: Annotated[float | None, "the sum of what is usual in the groups by this hour; null where nothing is"]


@dataclass(frozen=True, slots=True)
class Daemon:
    """Which daemon holds the source."""

    state: Annotated[str, "`ok` where one runs, `warn` where none does, `bad` where one died or is stuck, `unknown`"]
    running: Annotated[bool | None, "a daemon holds the source, also one that is stuck"]
    host: Annotated[str | None, "where it runs, or ran"]
    pid: Annotated[int | None, "its process there"]
    since: Annotated[datetime | None, "since when it holds the source"]
    renewed_at: Annotated[datetime | None, "its last sign of life"]


@dataclass(frozen=True, slots=True)
class Answers:
    """Who waits for an answer; all null where nobody is answered, or it can't be known."""

    waiting: Annotated[int | None, "conversations without an answer, but those that a colleague took"]
    oldest_at: Annotated[datetime | None, "since when the first of them waits"]
    orphans: Annotated[int | None, "those that are over a minute overdue"]
    stale: Annotated[int | None, "those whose last burst was too old to answer"]
    dead: Annotated[int | None, "those whose last burst was given up"]


@dataclass(frozen=True, slots=True)
class Post:
    """One of the last drops posted."""

    project: Annotated[str, "of the last drops posted, at most five of the last week: their project"]
    drop_number: Annotated[str, "the number"]
    kind: Annotated[str, "`new`, `resubmission` or `rejected`"]
    sent_at: Annotated[datetime, "when it was posted"]


@dataclass(frozen=True, slots=True)
class Status:
    """What `wamon status` shows.

    A number that can't be known now, such as while the database is away, is null. The checks are those that
    aren't `ok`.
    """

    at: Annotated[datetime, "when it was looked"]
    state: Annotated[str, "the worst of all checks: `ok`, `unknown`, `warn` or `bad`"]
    source: Annotated[str, "the bridge's name in the database"]
    bridge: Annotated[str | None, "its store"]
    groups: tuple[Group, ...]
    today: Today
    daemon: Daemon
    last_sweep_at: Annotated[datetime | None, "when the last sweep ended"]
    last_verify_at: Annotated[datetime | None, "when the last verify ended"]
    last_verify_clean: Annotated[bool | None, "how it ended"]
    dead: Annotated[int | None, "dead letters of all groups"]
    retry: Annotated[int | None, "messages that will be tried again"]
    latest: tuple[Post, ...]
    conversations: Answers
    checks: tuple[Check, ...]


def status(facts: Facts, checks: Sequence[check.Check]) -> Status:
    """How things are, by what was looked at and what it was judged to be."""
    past = None if isinstance(facts.ledger_facts, Absent) else facts.ledger_facts.past
    by_name = {(one.name, one.jid): one for one in checks}
    return Status(
        at=facts.now,
        state=worst(checks),
        source=facts.subject.source,
        bridge=str(facts.subject.store.path) if facts.subject.store else None,
        groups=tuple(_group(group, by_name["bridge.freshness", group.jid], facts) for group in facts.groups),
        today=Today(
            new=total(group.new for group in facts.groups),
            resubmission=total(group.resubmissions for group in facts.groups),
            usual=_rounded(usual_in_all(facts.groups)),
        ),
        daemon=_daemon(by_name["recording.daemon", None]),
        last_sweep_at=past and past.last_sweep_at,
        last_verify_at=past and past.last_verify_at,
        last_verify_clean=past and past.last_verify_clean,
        dead=total(group.dead for group in facts.groups),
        retry=total(group.retry for group in facts.groups),
        latest=tuple(Post(*post) for post in facts.latest),
        conversations=_answers(facts),
        checks=tuple(described(one) for one in checks if one.state is not State.OK),
    )


def _answers(facts: Facts) -> Answers:
    found = facts.conversations
    if found is None or isinstance(found, Absent):
        return Answers(None, None, None, None, None)
    return Answers(found.waiting, found.oldest_at, found.orphans, found.stale, found.dead)


def _group(group: GroupFacts, freshness: check.Check, facts: Facts) -> Group:
    lag, newest = group.lag, group.newest_at
    return Group(
        name=group.name,
        jid=group.jid,
        messages=group.messages,
        last_message_at=newest,
        lag=Lag(lag.messages, lag.seconds, lag.more) if lag else Lag(None, None, None),
        freshness=Freshness(
            state=freshness.state,
            age_seconds=None if newest is None else age(newest, facts.now),
            usual_seconds=group.usual_seconds,
        ),
        today=GroupToday(group.new, group.resubmissions, _rounded(group.usual_new)),
        dead=group.dead,
    )


def _daemon(one: check.Check) -> Daemon:
    numbers: Mapping[str, Any] = one.numbers
    return Daemon(
        state=one.state,
        running=numbers.get("running"),
        host=numbers.get("host"),
        pid=numbers.get("pid"),
        since=numbers.get("since"),
        renewed_at=numbers.get("renewed_at"),
    )


def usual_in_all(groups: Iterable[GroupFacts]) -> float | None:
    """How many new drops are usual by now in all groups; None where no group has anything to tell."""
    usual = [group.usual_new for group in groups if group.usual_new is not None]
    return sum(usual) if usual else None


def _rounded(usual: float | None) -> float | None:
    return None if usual is None else round(usual, 1)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum, or None where one of them isn't known."""
    known = list(counts)
    return None if None in known else sum(filter(None, known))
