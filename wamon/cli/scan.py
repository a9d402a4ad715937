"""`wamon scan`: passes over all or the named groups until nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, GroupOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.capture.pipeline import Pipeline
    from wamon.capture.scan import Scanned
    from wamon.views.scan import Scan, ScannedGroup


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
    next one makes good.

    \b
    wamon scan
    wamon scan --group Lawley --json
    wamon scan --bridge /opt/whatsapp-bridge/store/messages.db --group 120363418298130331@g.us
    """
    from wamon.app.commands import bridge_of, opened, rehearsing
    from wamon.app.publish import publish_scan
    from wamon.render import say
    from wamon.views import scan as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    names = group or []
    with (rehearsing if dry_run else opened)(settings, bridge_of(settings, bridge, names), options.clock) as pipeline:
        began = pipeline.clock.monotonic_seconds()
        scanned = _scanned(pipeline, names)
        answer = view.scan(pipeline, scanned, names, pipeline.clock.monotonic_seconds() - began)
        if not dry_run:
            publish_scan(settings, bridge_of(settings, bridge, names), options.clock, pipeline.source.db)
    _tell_conflicts(scanned)
    if options.json:
        say(as_json(answer))
    else:
        _show(answer, dry_run=dry_run)


def _scanned(pipeline: Pipeline, names: list[str]) -> Scanned:
    from wamon.capture.scan import scan as scan_all
    from wamon.capture.scan import scan_groups
    from wamon.render import progress

    with progress("Scanning", pipeline.store.rows()) as advance:
        if names:
            return scan_groups(pipeline, pipeline.named(names), lambda one: advance(one.place.rowid))
        return scan_all(pipeline, lambda one: advance(one.place.rowid))


def _show(answer: Scan, *, dry_run: bool) -> None:
    from wamon.render import say, table

    columns = ("Group", "Messages", "New drops", "Posted again", "Rejected", "Retracted", "Dead")
    table(columns, [_row(group) for group in answer.groups], right=columns[1:])
    would = "would be recorded; nothing was" if dry_run else "read and recorded"
    say(f"{answer.read:,} messages {would}, in {answer.elapsed_seconds:.1f} s.")


def _row(group: ScannedGroup) -> tuple[str | int, ...]:
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
