"""`wamon gaps`: what can't be proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.clusters import name_database
from wamon.cli.options import BridgeOption, ConfigOption, GroupOption, JsonLinesOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wamon.views.gaps import Gap

_USUALLY_SINCE = "7d"


def add_to(app: typer.Typer) -> None:
    app.command()(gaps)


def gaps(
    ctx: typer.Context,
    group: GroupOption = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only those from then on.")] = _USUALLY_SINCE,
    bridge: BridgeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the times of which the bridge's store itself may lack something, and what each means.

    `wamon verify` proves that nothing of the store was lost. What never reached the store nobody can prove: silences
    that don't fit a group's weekly rhythm, rows deleted or a store replaced, photos whose captions were dropped.

    \b
    wamon gaps
    wamon gaps --group Lawley --since 30d
    """
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of
    from wamon.cli import times
    from wamon.health.gaps import Window
    from wamon.health.gaps import gaps as found_gaps
    from wamon.views import gaps as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    zone, now = settings.timezone, options.clock.now()
    moment = times.since(since, zone, now) or now
    if settings.has_hooks_alone and bridge is None:
        from wamon.app.intake import gaps_of_hooks

        found = gaps_of_hooks(settings, Window(moment, now, zone), group or ())
    else:
        with opened(settings, bridge_of(settings, bridge, group or []), options.clock) as pipeline:
            groups = [pipeline.source.groups[jid] for jid in pipeline.named(group or [])]
            found = found_gaps(pipeline, groups, moment, zone)
    if settings.conversations.enabled:
        from wamon.app.conversations import unanswered

        found = sorted([*found, *unanswered(settings, moment, group or ())], key=lambda gap: gap.start)
    answer = view.gaps(moment, found)
    if options.json:
        options.say_list(answer)
    else:
        _show(answer.gaps, zone)
        name_database(settings)


def _show(found: Sequence[Gap], zone: ZoneInfo) -> None:
    from wamon.render import local, paragraph, table

    if not found:
        paragraph("No gap: nothing hints at messages that never reached the bridge's store.")
        return
    columns = ("Kind", "From", "To", "Group", "What")
    table(columns, [(g.kind, local(g.start, zone), local(g.end, zone), g.group or "all", g.detail) for g in found])
    for kind, meaning in {gap.kind: gap.meaning for gap in found}.items():
        paragraph(f"{kind}: {meaning}")
