"""`wamon status`: one screen that says how things are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - typer reads the command's types as it runs

from wamon.cli.options import BridgeOption, ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wamon.health import Check, Facts, GroupFacts

_MOST_GROUPS = 30
_MOST_TOLD = 5


def add_to(app: typer.Typer) -> None:
    app.command()(status)


def status(
    ctx: typer.Context, bridge: BridgeOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show on one screen how things are: each group, today's drops, the daemon, and what needs a look.

    Today is the day in the configured zone; a post counts on the day on which it was sent. Nothing is changed.

    \b
    wamon status
    wamon status --json
    """
    from wamon.app import bridge_of, looked_at
    from wamon.health import check_all
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    facts = looked_at(settings, bridge_of(settings, bridge))
    checks = check_all(facts)
    if options.json:
        as_json(_answer(facts, checks))
    else:
        _show(facts, checks)


def _answer(facts: Facts, checks: Sequence[Check]) -> dict[str, Any]:
    from wamon.cli.doctor import described
    from wamon.health import Absent, State, worst

    past = None if isinstance(facts.vitals, Absent) else facts.vitals.past
    by_name = {(check.name, check.jid): check for check in checks}
    return {
        "at": facts.now,
        "state": worst(checks),
        "source": facts.subject.source,
        "bridge": str(facts.subject.store.path) if facts.subject.store else None,
        "groups": [_group(group, by_name["bridge.freshness", group.jid], facts) for group in facts.groups],
        "today": {
            "new": _sum(g.new for g in facts.groups),
            "resubmission": _sum(g.resubmissions for g in facts.groups),
        },
        "daemon": _daemon(by_name["recording.daemon", None]),
        "last_sweep_at": past and past.last_sweep_at,
        "last_verify_at": past and past.last_verify_at,
        "last_verify_clean": past and past.last_verify_clean,
        "dead": _sum(group.dead for group in facts.groups),
        "retry": _sum(group.retry for group in facts.groups),
        "checks": [described(check) for check in checks if check.state is not State.OK],
    }


def _group(group: GroupFacts, freshness: Check, facts: Facts) -> dict[str, Any]:
    from wamon.health.words import age

    lag = group.lag
    return {
        "name": group.name,
        "jid": group.jid,
        "messages": group.messages,
        "last_message_at": group.newest_at,
        "lag": {
            "messages": lag and lag.messages,
            "seconds": lag and lag.seconds,
            "more": lag and lag.more,
        },
        "freshness": {
            "state": freshness.state,
            "age_seconds": group.newest_at and age(group.newest_at, facts.now),
            "usual_seconds": group.usual_seconds,
        },
        "today": {"new": group.new, "resubmission": group.resubmissions},
        "dead": group.dead,
    }


def _daemon(check: Check) -> dict[str, Any]:
    numbers = check.numbers
    return {
        "state": check.state,
        **{name: numbers.get(name) for name in ("running", "host", "pid", "since", "renewed_at")},
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum, or None where one of them isn't known."""
    known = list(counts)
    return None if None in known else sum(filter(None, known))


def _show(facts: Facts, checks: Sequence[Check]) -> None:
    from wamon.render import local, say

    store, zone = facts.subject.store, facts.subject.config.timezone
    say(f"{facts.subject.source}, {local(facts.now, zone)} {zone}\n{store.path if store else 'No bridge.'}")
    _show_groups(facts, checks)
    say("\n".join((_today(facts), _daemon_words(facts), _past(facts))))
    _show_troubles(checks)


def _show_groups(facts: Facts, checks: Sequence[Check]) -> None:
    """The groups; of very many, those first that aren't well, and then those with the newest messages."""
    from wamon.health import State
    from wamon.render import say, table

    silence = {check.jid: check.state for check in checks if check.name == "bridge.freshness"}
    shown = list(facts.groups)
    if len(shown) > _MOST_GROUPS:
        shown.sort(key=lambda g: (silence[g.jid] is State.OK, -g.newest_at.timestamp() if g.newest_at else 0))
    rows = [_row(group, silence[group.jid], facts) for group in shown[:_MOST_GROUPS]]
    columns = ("Group", "Messages", "Newest", "Silence", "Behind", "New", "Again")
    table(columns, rows, right=("Messages", "Newest", "Behind", "New", "Again"))
    if len(shown) > _MOST_GROUPS:
        say(f"… and {len(shown) - _MOST_GROUPS:,} more groups; --json lists them all.")


def _row(group: GroupFacts, silence: str, facts: Facts) -> tuple[str, ...]:
    from wamon.health.words import age, span

    words = {"ok": "usual", "warn": "unusual"}
    newest = "—" if group.newest_at is None else f"{span(age(group.newest_at, facts.now))} ago"
    behind = "?" if group.lag is None else f"{group.lag.messages:,}{'+' if group.lag.more else ''}"
    counts = [_or_unknown(n) for n in (group.new, group.resubmissions)]
    return group.name, _or_unknown(group.messages), newest, words.get(silence, "unknown"), behind, *counts


def _or_unknown(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"


def _today(facts: Facts) -> str:
    new, again = _sum(g.new for g in facts.groups), _sum(g.resubmissions for g in facts.groups)
    if new is None or again is None:
        return "Today: unknown."
    return f"Today: {new:,} new {'drop' if new == 1 else 'drops'}, {again:,} posted again."


def _daemon_words(facts: Facts) -> str:
    from wamon.health import Absent
    from wamon.render import local

    if isinstance(facts.vitals, Absent):
        return "Daemon: unknown."
    holder = facts.vitals.holder
    if holder is None or not holder.works:
        return "Daemon: none runs."
    since = local(holder.taken_at, facts.subject.config.timezone)
    return f"Daemon: runs on {holder.process.host} since {since} (process {holder.process.pid})."


def _past(facts: Facts) -> str:
    from wamon.health import Absent
    from wamon.health.words import age, amount, span

    if isinstance(facts.vitals, Absent) or facts.vitals.past is None:
        return facts.vitals.why if isinstance(facts.vitals, Absent) else ""
    past = facts.vitals.past
    swept = f"{span(age(past.last_sweep_at, facts.now))} ago" if past.last_sweep_at else "never"
    how = {True: ", clean", False: ", not clean", None: ""}[past.last_verify_clean]
    verified = f"{span(age(past.last_verify_at, facts.now))} ago{how}" if past.last_verify_at else "never"
    dead = amount(sum(facts.vitals.dead.values()), "dead letter")
    retry = sum(facts.vitals.retry.values())
    return f"Last sweep: {swept}. Last verify: {verified}. {dead}{f', {retry:,} to be tried again' if retry else ''}."


def _show_troubles(checks: Sequence[Check]) -> None:
    from wamon.cli.doctor import wrapped
    from wamon.health import State
    from wamon.render import say

    troubles = [check for state in (State.BAD, State.WARN) for check in checks if check.state is state]
    if not troubles:
        say("All is well.")
        return
    say("")
    for check in troubles[:_MOST_TOLD]:
        say("\n".join(wrapped(f"{check.state:<5} ", check.sentence)))
    left = len(troubles) - _MOST_TOLD
    say(f"{f'And {left:,} more. ' if left > 0 else ''}`wamon doctor` says what to do.")
