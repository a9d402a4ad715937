"""The words of `wamon status`, as a screen of tables or, for a screen reader, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.health.check import Check
    from wamon.health.facts import Facts, GroupFacts

MOST_GROUPS = 30
_MOST_TOLD = 5


def show(facts: Facts, checks: Sequence[Check], most_groups: int = MOST_GROUPS) -> None:
    """Print the screen."""
    from wamon.render import local, say

    store, zone = facts.subject.store, facts.subject.config.timezone
    source, where = facts.subject.source, str(store.path) if store else _without_store(facts)
    named_by_store = source == where  # as a scan without a config names it
    say(f"{source}, {local(facts.now, zone)} {zone}" + ("" if named_by_store else f"\n{where}"))
    _show_groups(facts, checks, most_groups)
    say("\n".join((_today(facts), _daemon(facts), _past(facts), *_answers(facts))))
    _show_latest(facts)
    _show_troubles(facts, checks)


def sentences(facts: Facts, checks: Sequence[Check]) -> list[str]:
    """The same as sentences, each of which makes sense alone."""
    from wamon.health.check import State

    silence = _silences(checks)
    told = [_group_sentence(group, silence[group.jid], facts) for group in facts.groups]
    troubles = [check.sentence for state in (State.BAD, State.WARN) for check in checks if check.state is state]
    alone = [_without_store(facts)] if facts.subject.config.has_hooks_alone else []
    return [
        *alone,
        *told,
        _today(facts),
        _daemon(facts),
        _past(facts),
        *_answers(facts),
        *_latest(facts),
        *(troubles or [_verdict(facts)]),
    ]


def _without_store(facts: Facts) -> str:
    return "No store is read: hooks bring the messages." if facts.subject.config.has_hooks_alone else "No bridge."


def _silences(checks: Sequence[Check]) -> dict[str | None, str]:
    return {check.jid: check.state for check in checks if check.name == "bridge.freshness"}


def _show_groups(facts: Facts, checks: Sequence[Check], most: int) -> None:
    """The groups; of very many, those first that aren't well, and then those with the newest messages."""
    from wamon.health.check import State
    from wamon.render import say, table

    silence = _silences(checks)
    shown = list(facts.groups)
    if len(shown) > most:
        shown.sort(key=lambda g: (silence[g.jid] is State.OK, -g.newest_at.timestamp() if g.newest_at else 0))
    rows = [_row(group, silence[group.jid], facts) for group in shown[:most]]
    columns = ("Group", "Messages", "Newest", "Silence", "Behind", "New", "Again", "Usual")
    table(columns, rows, right=("Messages", "Newest", "Behind", "New", "Again", "Usual"), state="Silence")
    if len(shown) > most:
        say(f"… and {len(shown) - most:,} more groups; --json lists them all.")


def _row(group: GroupFacts, silence: str, facts: Facts) -> tuple[str, ...]:
    counts = [_or_unknown(n) for n in (group.new, group.resubmissions)]
    usual = "—" if group.usual_new is None else f"{group.usual_new:,.0f}"
    words = (_or_unknown(group.messages), _newest(group, facts), _silence(silence), _behind(group))
    return (group.name, *words, *counts, usual)


def _newest(group: GroupFacts, facts: Facts) -> str:
    from wamon.words import age, span

    return "—" if group.newest_at is None else f"{span(age(group.newest_at, facts.now))} ago"


def _silence(state: str) -> str:
    return {"ok": "usual", "warn": "unusual"}.get(state, "unknown")


def _behind(group: GroupFacts) -> str:
    return "?" if group.lag is None else f"{group.lag.messages:,}{'+' if group.lag.more else ''}"


def _group_sentence(group: GroupFacts, silence: str, facts: Facts) -> str:
    usual = "" if group.usual_new is None else f", usually {group.usual_new:,.0f} new by now"
    today = f"today {_or_unknown(group.new)} new, {_or_unknown(group.resubmissions)} posted again{usual}"
    newest = f"newest {_newest(group, facts)}, silence {_silence(silence)}"
    return f"{group.name}: behind by {_behind(group)} messages; {newest}; {today}."


def _or_unknown(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"


def _today(facts: Facts) -> str:
    from wamon.views.status import total, usual_in_all

    new, again = total(g.new for g in facts.groups), total(g.resubmissions for g in facts.groups)
    if new is None or again is None:
        return "Today: unknown."
    usual = usual_in_all(facts.groups)
    by_now = "" if usual is None else f" By this hour of this weekday it is usually {usual:,.0f} new."
    return f"Today: {new:,} new {'drop' if new == 1 else 'drops'}, {again:,} posted again.{by_now}"


def _daemon(facts: Facts) -> str:
    from wamon.health.check import Absent
    from wamon.render import local
    from wamon.words import age, span

    if isinstance(facts.ledger_facts, Absent):
        return "Daemon: unknown."
    holder = facts.ledger_facts.holder
    if holder is None or not (holder.works or holder.is_stuck):
        return "Daemon: none runs."
    since = local(holder.taken_at, facts.subject.config.timezone)
    runs = f"Daemon: runs on {holder.process.host} since {since} (process {holder.process.pid})"
    if holder.works:
        return f"{runs}."
    return f"{runs}, but last gave a sign {span(age(holder.renewed_at, facts.database_now))} ago."


def _past(facts: Facts) -> str:
    from wamon.health.check import Absent
    from wamon.words import age, amount, span

    if isinstance(facts.ledger_facts, Absent) or facts.ledger_facts.past is None:
        return facts.ledger_facts.why if isinstance(facts.ledger_facts, Absent) else ""
    past = facts.ledger_facts.past
    swept = f"{span(age(past.last_sweep_at, facts.now))} ago" if past.last_sweep_at else "never"
    how = {True: ", clean", False: ", not clean", None: ""}[past.last_verify_clean]
    verified = f"{span(age(past.last_verify_at, facts.now))} ago{how}" if past.last_verify_at else "never"
    dead = amount(sum(facts.ledger_facts.dead.values()) + facts.ledger_facts.dead_deliveries, "dead letter")
    retry = sum(facts.ledger_facts.retry.values())
    return f"Last sweep: {swept}. Last verify: {verified}. {dead}{f', {retry:,} to be tried again' if retry else ''}."


def _show_latest(facts: Facts) -> None:
    from wamon.render import say

    if told := _latest(facts):
        say("\n".join(("Last drops:", *(f"  {line}" for line in told))))


def _latest(facts: Facts) -> list[str]:
    from wamon.render import local
    from wamon.words import KINDS

    zone = facts.subject.config.timezone
    return [
        f"{post.drop_number} in {post.project}, {KINDS[post.kind]}, {local(post.sent_at, zone)}"
        for post in facts.latest
    ]


def _verdict(facts: Facts) -> str:
    """What is said where nothing is wrong: of what nobody began how to begin."""
    from wamon.health.check import Absent

    return facts.ledger_facts.hint if isinstance(facts.ledger_facts, Absent) else "All is well."


def _show_troubles(facts: Facts, checks: Sequence[Check]) -> None:
    from wamon.cli.doctor import beside_state
    from wamon.health.check import State
    from wamon.render import coloured, say

    troubles = [check for state in (State.BAD, State.WARN) for check in checks if check.state is state]
    if not troubles:
        say(coloured(_verdict(facts)))
        return
    say("")
    for check in troubles[:_MOST_TOLD]:
        say("\n".join(beside_state(f"{check.state:<5} ", check)))
    left = len(troubles) - _MOST_TOLD
    say(f"{f'And {left:,} more. ' if left > 0 else ''}`wamon doctor` says what to do.")


def _answers(facts: Facts) -> list[str]:
    """Who waits for an answer, where anybody is answered."""
    from wamon.health.check import Absent
    from wamon.words import age, amount, span

    found = facts.conversations
    if found is None or isinstance(found, Absent):
        return []
    if found.oldest_at is None:
        return ["Conversations: nobody waits for an answer."]
    waiting = f"{amount(found.waiting, 'person')} {'waits' if found.waiting == 1 else 'wait'} for an answer"
    return [f"Conversations: {waiting}, the first for {span(age(found.oldest_at, facts.database_now))}."]
