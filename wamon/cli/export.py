"""`wamon drops export`: posts as a file for a spreadsheet program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.filters import (
    DayOption,
    Filters,
    KindOption,
    ProjectOption,
    SenderOption,
    SinceOption,
    TextOption,
    UntilOption,
)
from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wamon.spreadsheets.posts import Line


_ROWS_BETWEEN_WORDS = 1_000


def add_to(app: typer.Typer) -> None:
    app.command()(export)


def export(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE.csv|FILE.xlsx]", help="Where to; without one, CSV on stdout.")
    ] = None,
    project: ProjectOption = None,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindOption = None,
    sender: SenderOption = None,
    text: TextOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the posts of drop numbers to a file, the oldest first: one row for each number of each message.

    Without --kind it has every post, also rejected and retracted ones; the column What tells. Times are those of the
    configured zone. A file that exists is replaced.

    \b
    wamon drops export november.xlsx --since 2026-11-01 --until 2026-11-30
    wamon drops export rejected.csv --project Lawley --kind rejected
    """
    from wamon.app.commands import ledger
    from wamon.errors import UsageError
    from wamon.privacy import people_of
    from wamon.render import as_json, progress, say
    from wamon.reports.posts import number_of_posts, posts
    from wamon.spreadsheets.posts import csv_text, lines, write

    options = said(ctx, config, json)
    if options.json and file is None:
        raise UsageError("The CSV goes to stdout, and so would the JSON.", hint="Name a file.")
    settings = options.config()
    people = people_of(settings)
    filters = Filters(project, day, since, until, kind, sender, text)
    with ledger(settings) as db:
        wanted = filters.selection(db, people, settings.timezone, options.clock.now())
        chosen = lines(posts(db, wanted), people, settings.timezone)
        if file is None:
            csv_text(sys.stdout, chosen)
            return
        total = number_of_posts(db, wanted)
        with progress("Exporting", total) as tell:
            write(file, _told(chosen, tell))
    if options.json:
        as_json({"path": str(file.absolute()), "posts": total})
    else:
        say(f"{total:,} post{'' if total == 1 else 's'} in {file}.")


def _told(rows: Iterable[Line], tell: Callable[[int], None]) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % _ROWS_BETWEEN_WORDS == 0:
            tell(number)
