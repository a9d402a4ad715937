"""Does wamon keep up: lag, the daemon, the last sweep and verify, messages that couldn't be recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wamon.health.check import Absent, Check, State, unknown
from wamon.words import age, amount, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.health.facts import Facts, GroupFacts

_BEHIND_SECONDS = 60.0
_FAR_BEHIND_SECONDS = 15 * 60.0
_REVIEW_SECONDS = 60.0
_SWEEP_SECONDS = 12 * 3_600.0
_VERIFY_SECONDS = 31 * 86_400.0


def checks(facts: Facts) -> Iterator[Check]:
    """All of them."""
    yield daemon(facts)
    for group in facts.groups:
        yield lag(group)
    yield dead_letters(facts)
    yield reviews(facts)
    yield names(facts)
    if not facts.subject.config.has_hooks_alone:
        yield sweep(facts)
    yield verify(facts)


def lag(group: GroupFacts) -> Check:
    """Whether messages wait in the store and the group's cursor doesn't move."""
    result = partial(Check, "recording.lag", group=group.name, jid=group.jid)
    if group.joined is False:
        sentence = f"{group.name} is not read yet."
        return result(State.WARN, sentence, "`wamon scan` reads it, and so does `wamon run`.")
    found = group.lag
    if found is None:
        return result(State.UNKNOWN, f"How far {group.name} is behind can't be told now.")
    numbers = {"messages": found.messages, "seconds": found.seconds, "more": found.more}
    if not found.messages and not found.more:
        return result(State.OK, f"{group.name} is up to date.", numbers=numbers)
    if not found.messages:
        return result(State.OK, f"{group.name} is being read again; nothing new was found so far.", numbers=numbers)
    still_seconds = float("inf") if group.moved_seconds is None else group.moved_seconds
    stuck_seconds = min(still_seconds, found.seconds)
    numbers = {**numbers, "stuck_seconds": stuck_seconds}
    late = State.BAD if stuck_seconds > _FAR_BEHIND_SECONDS else State.WARN
    state = late if stuck_seconds > _BEHIND_SECONDS else State.OK
    waiting = f"{'at least ' if found.more else ''}{amount(found.messages, 'message')}"
    sentence = f"{group.name} is behind by {waiting}, the oldest sent {span(found.seconds)} ago"
    if state is State.OK:
        return result(state, f"{sentence}; it is being read.", numbers=numbers)
    hint = "Is a daemon running? `wamon scan` reads what is there."
    return result(state, f"{sentence}, and nothing was read for {_span(still_seconds)}.", hint, numbers=numbers)


def daemon(facts: Facts) -> Check:
    """Whether a daemon holds the source. One that died and left its lease is bad, as one that can't renew it is.

    None at all may be meant so.
    """
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return unknown("recording.daemon", ledger_facts)
    holder = ledger_facts.holder
    if holder is None:
        hint = "`wamon run` watches; without it, only `wamon scan` reads."
        return Check("recording.daemon", State.WARN, "No daemon runs.", hint, numbers={"running": False})
    process = holder.process
    numbers = {
        "running": holder.works or holder.is_stuck,
        "host": process.host,
        "pid": process.pid,
        "since": holder.taken_at,
        "renewed_at": holder.renewed_at,
    }
    who = f"The daemon on {process.host} (process {process.pid})"
    if holder.works:
        since = span(age(holder.taken_at, facts.database_now))
        return Check("recording.daemon", State.OK, f"{who} runs since {since}.", numbers=numbers)
    silent = span(age(holder.renewed_at, facts.database_now))
    if holder.is_stuck:
        sentence = f"{who} runs, but last gave a sign {silent} ago."
        hint = "Its log says what it waits for; a process that is stopped (SIGSTOP) says nothing."
    else:
        sentence = f"{who} is gone without a goodbye: it last gave a sign {silent} ago."
        hint = "Start it again: `wamon run`, or its unit."
    return Check("recording.daemon", State.BAD, sentence, hint, numbers=numbers)


def dead_letters(facts: Facts) -> Check:
    """Whether messages couldn't be recorded; `hooks.parked` tells of deliveries."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return unknown("recording.dead", ledger_facts)
    dead = sum(ledger_facts.dead.values())
    retry = sum(ledger_facts.retry.values())
    numbers = {"dead": dead, "retry": retry}
    told = f"{amount(dead, 'dead letter')}, {amount(retry, 'message')} waiting for another try."
    if dead:
        hint = "`wamon dead list` tells the reason of each; they delay nobody else."
        return Check("recording.dead", State.WARN, told, hint, numbers=numbers)
    return Check("recording.dead", State.OK, told, numbers=numbers)


def reviews(facts: Facts) -> Check:
    """Whether rows of the office's tables couldn't be written."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return unknown("recording.reviews", ledger_facts)
    waiting = ledger_facts.reviews_waiting
    if waiting.since is None:
        return Check("recording.reviews", State.OK, "No row of the office's tables waits.", numbers={"waiting": 0})
    since_seconds = age(waiting.since, facts.database_now)
    numbers = {"waiting": waiting.rows, "since_seconds": since_seconds}
    rows = amount(waiting.rows, "row")
    told = f"{rows} of the office's tables waiting to be written, the first for {span(since_seconds)}."
    if since_seconds < _REVIEW_SECONDS:
        return Check("recording.reviews", State.OK, told, numbers=numbers)
    hint = "The posts are recorded. The rows are tried again by themselves, at least once an hour."
    return Check("recording.reviews", State.WARN, f"{told} {waiting.reason}", hint, numbers=numbers)


def names(facts: Facts) -> Check:
    """Whether what is recorded has the names that the config gives its groups."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return unknown("recording.names", ledger_facts)
    known = ledger_facts.position.groups
    named = {
        group.jid: group.name for group in facts.subject.config.groups if group.enabled and group.name != group.jid
    }
    former = {(known[jid].project, name) for jid, name in named.items() if jid in known and known[jid].project != name}
    numbers = {"waiting": len(former)}
    if not former:
        return Check("recording.names", State.OK, "What is recorded has its groups' names.", numbers=numbers)
    them = ", ".join(f"{was} ({now} in the config)" for was, now in sorted(former))
    hint = (
        "`wamon run` renames them as it takes the config in, and tries each minute while other sessions hold rows of "
        "the office's tables; nothing else waits for it."
    )
    return Check("recording.names", State.WARN, f"Recorded under former names: {them}.", hint, numbers=numbers)


def sweep(facts: Facts) -> Check:
    """Whether the whole store was compared with the ledger lately."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent) or ledger_facts.past is None:
        return unknown(
            "recording.sweep", ledger_facts if isinstance(ledger_facts, Absent) else Absent("Nothing is recorded.")
        )
    past = ledger_facts.past
    if past.last_sweep_at is None:
        return Check(
            "recording.sweep",
            State.UNKNOWN,
            "No sweep is done yet.",
            "`wamon scan` and `wamon run` sweep by themselves.",
        )
    since_seconds = age(past.last_sweep_at, facts.database_now)
    numbers = {"last_at": past.last_sweep_at, "age_seconds": since_seconds, "due": past.sweep_due is not None}
    sentence = f"The last sweep was {span(since_seconds)} ago{', and another is due' if past.sweep_due else ''}."
    if since_seconds > _SWEEP_SECONDS:
        hint = "One is due every six hours: `wamon scan` does it now; a daemon that can't says why in its log."
        return Check("recording.sweep", State.WARN, sentence, hint, numbers=numbers)
    return Check("recording.sweep", State.OK, sentence, numbers=numbers)


def verify(facts: Facts) -> Check:
    """How the last verify ended, and whether it is long ago."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent) or ledger_facts.past is None:
        return unknown(
            "recording.verify", ledger_facts if isinstance(ledger_facts, Absent) else Absent("Nothing is recorded.")
        )
    past = ledger_facts.past
    if past.last_verify_at is None:
        return Check(
            "recording.verify",
            State.UNKNOWN,
            "No verify was run yet.",
            "`wamon verify` proves that nothing is missing.",
        )
    since_seconds = age(past.last_verify_at, facts.database_now)
    numbers = {"last_at": past.last_verify_at, "age_seconds": since_seconds, "clean": past.last_verify_clean}
    told = f"The last verify was {span(since_seconds)} ago"
    if not past.last_verify_clean:
        hint = "`wamon verify` says what, `wamon verify --repair` mends what can be mended."
        return Check("recording.verify", State.BAD, f"{told}, and found something wrong.", hint, numbers=numbers)
    state = State.WARN if since_seconds > _VERIFY_SECONDS else State.OK
    hint = "`wamon verify` proves that nothing is missing." if state is State.WARN else ""
    return Check("recording.verify", state, f"{told}, and found all in order.", hint, numbers=numbers)


def _span(seconds: float) -> str:
    return "an unknown time" if seconds == float("inf") else span(seconds)
