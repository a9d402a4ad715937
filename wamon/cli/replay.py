"""`wamon replay`: history once more under today's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, GroupOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.capture.pipeline import Pipeline
    from wamon.capture.replay import Replayed, Selection
    from wamon.views.replay import Added, Replay

_MOST_NAMED = 10


def add_to(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    ctx: typer.Context,
    group: GroupOption = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only messages from then on.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only messages before then; a day counts whole.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", metavar="DR…", help="Only posts of this number.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be added, and add nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Read history again under today's rules, and add what they find: after a pattern was widened, or a list loaded.

    Messages from before a group's start count, too. Nothing is taken away, no review row that people work with is
    touched, and nothing is found twice. A time is the message's own, as for `wamon drops list`.

    \b
    wamon replay --dry-run
    wamon replay --group Lawley --since 2026-11-01
    wamon replay --drop DR1752028
    """
    from wamon.app.commands import opened, rehearsing
    from wamon.app.configured import bridge_of
    from wamon.capture.replay import Selection
    from wamon.cli import times
    from wamon.log import is_quiet
    from wamon.render import say
    from wamon.views import replay as view
    from wamon.views.document import as_json
    from wamon.views.drops import canonical

    options = said(ctx, config, json)
    settings = options.config()
    span = times.span(since, until, settings.timezone, options.clock.now())
    numbers = frozenset(canonical(number, settings.drops.pattern) for number in drop or [])
    with (rehearsing if dry_run else opened)(settings, bridge_of(settings), options.clock) as pipeline:
        began = pipeline.clock.monotonic_seconds()
        selection = Selection(pipeline.named(group or []), *span, numbers)
        done = _replayed(pipeline, selection)
        seconds = pipeline.clock.monotonic_seconds() - began
        answer = view.replay(pipeline, done, selection.jids, seconds, dry_run=dry_run)
    if options.json:
        say(as_json(answer))
    elif not is_quiet():
        _show(answer)


def _replayed(pipeline: Pipeline, selection: Selection) -> Replayed:
    from wamon.capture import replay as replaying
    from wamon.render import progress

    with progress("Replaying", pipeline.store.rows()) as advance:
        return replaying.replay(pipeline, selection, advance)


def _show(answer: Replay) -> None:
    from wamon.render import say, table

    columns = ("Group", "Messages", "New drops", "Posted again", "Rejected", "Near misses")
    table(columns, [(group.name, group.read, *_counts(group.added)) for group in answer.groups], right=columns[1:])
    added = sum(sum(_counts(group.added)) for group in answer.groups)
    would = "would be added; nothing was" if answer.dry_run else "added"
    found = f"{added:,} finding{'' if added == 1 else 's'} {would}"
    say(f"{answer.read:,} messages read again, in {answer.elapsed_seconds:.1f} s: {found}.")
    lacking = answer.without_review
    if lacking:
        named = ", ".join(f"{drop.drop_number} ({drop.project})" for drop in lacking[:_MOST_NAMED])
        more = f" and {len(lacking) - _MOST_NAMED:,} more" if len(lacking) > _MOST_NAMED else ""
        say(f"Without a review row: {named}{more}. `wamon verify --repair` makes those that can be made.")


def _counts(added: Added) -> tuple[int, ...]:
    return added.new, added.resubmission, added.rejected, added.near_miss
