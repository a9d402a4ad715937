"""`wamon scan`: passes over all or the named groups until nothing is left."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from wamon.cli.options import BridgeOption, ConfigOption, GroupOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.capture.pipeline import Pass, Pipeline
    from wamon.capture.scan import Scanned
    from wamon.cli.options import Said
    from wamon.config.schema import Config
    from wamon.views.scan import Scan, ScannedGroup

_Row: TypeAlias = "tuple[str, int, int, int, int, int, int]"

_MOST_SHOWN = 50
"""To draw ten thousand takes tens of seconds, and nobody reads them."""


def add_to(app: typer.Typer) -> None:
    app.command()(scan)


def scan(
    ctx: typer.Context,
    group: GroupOption = None,
    bridge: BridgeOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be recorded, and record nothing.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Read the bridge's store and record every drop in it that isn't recorded yet.

    It goes on where the last scan, or the daemon, came to; run again, it changes nothing. Killed at any moment, the
    next one makes good. What hooks brought is taken in, too, until nothing is new. Of more than 50 groups it shows
    those in which most came; --json has all.

    \b
    wamon scan
    wamon scan --group Lawley --json
    wamon scan --bridge /opt/whatsapp-bridge/store/messages.db --group Lawley
    """
    from wamon.app.commands import opened, rehearsing
    from wamon.app.configured import bridge_of
    from wamon.app.publish import publish_scan
    from wamon.host.memory import share_one_arena
    from wamon.log import is_quiet
    from wamon.render import say_in_parts
    from wamon.views import scan as view
    from wamon.views.document import Streamed, in_parts

    share_one_arena()
    options = said(ctx, config, json)
    settings = options.config()
    names = group or []
    if settings.has_hooks_alone and bridge is None:
        _take_in(options, settings)
        return
    with (rehearsing if dry_run else opened)(settings, bridge_of(settings, bridge, names), options.clock) as pipeline:
        began = pipeline.clock.monotonic_seconds()
        scanned = _scanned(pipeline, names)
        brings_all = not (names or dry_run or bridge)
        events = _events_taken_in(options, settings) if brings_all else 0
        answer = view.scan(pipeline, scanned, names, pipeline.clock.monotonic_seconds() - began, events)
        if not dry_run:
            publish_scan(settings, bridge_of(settings, bridge, names), options.clock, pipeline.source.db)
    _tell_conflicts(scanned)
    if options.json:
        say_in_parts(in_parts(replace(answer, groups=Streamed(answer.groups))))
    elif not is_quiet():
        _show(answer, dry_run=dry_run)


def _take_in(options: Said, settings: Config) -> None:
    """Where no store is read, what hooks brought is all there is to scan."""
    from wamon.log import is_quiet
    from wamon.render import say
    from wamon.views.document import as_json
    from wamon.views.scan import without_store

    began = options.clock.monotonic_seconds()
    events = _events_taken_in(options, settings)
    answer = without_store(events, options.clock.monotonic_seconds() - began)
    if options.json:
        say(as_json(answer))
    elif not is_quiet():
        say(f"No store is read. {answer.events:,} deliveries taken in, in {answer.elapsed_seconds:.1f} s.")


def _events_taken_in(options: Said, settings: Config) -> int:
    if not settings.sources_of_hooks:  # nor is what takes in loaded, which takes its time
        return 0
    from wamon.app.intake import take_in_all

    return take_in_all(settings, options.clock).events


def _scanned(pipeline: Pipeline, names: list[str]) -> Scanned:
    from wamon.capture.scan import scan as scan_all
    from wamon.capture.scan import scan_groups
    from wamon.log import logger
    from wamon.render import progress
    from wamon.words import amount

    with progress("Scanning", pipeline.store.rows()) as advance:

        def passed(one: Pass) -> None:
            advance(one.place.rowid)
            read = amount(one.read.total(), "message")
            logger.info("Recorded %s, up to row %d.", read, one.place.rowid, extra={"action": "pass"})

        if names:
            return scan_groups(pipeline, pipeline.named(names), passed)
        return scan_all(pipeline, passed)


def _show(answer: Scan, *, dry_run: bool) -> None:
    from wamon.render import say, table

    columns = ("Group", "Messages", "New drops", "Posted again", "Rejected", "Retracted", "Dead")
    rows = _rows(answer)
    table(columns, rows, right=columns[1:])
    if rows and (left := len(answer.groups) - len(rows)):
        say(f"… and {left:,} more groups; --json lists them all.")
    would = "would be recorded; nothing was" if dry_run else "read and recorded"
    brought = f" {answer.events:,} deliveries taken in." if answer.events else ""
    say(f"{answer.read:,} messages {would}, in {answer.elapsed_seconds:.1f} s.{brought}")


def _rows(answer: Scan) -> list[_Row]:
    """The groups; of very many those in which something came, the busiest first."""
    rows = list(map(_row, answer.groups))
    if len(rows) <= _MOST_SHOWN:
        return rows
    came = [row for row in rows if any(row[1:])]
    return sorted(came, key=itemgetter(1), reverse=True)[:_MOST_SHOWN]


def _row(group: ScannedGroup) -> _Row:
    found = group.submissions
    return group.name, group.read, found.new, found.resubmission, found.rejected, found.retracted, group.dead


def _tell_conflicts(scanned: Scanned) -> None:
    from wamon.log import logger

    for project, number in scanned.recorded.conflicts:
        logger.warning(
            "Drop %s of %s has no review row: another project's row holds that number. The drop itself is recorded.",
            number,
            project,
            extra={"action": "review.conflict"},
        )
