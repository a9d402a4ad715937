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
    SenderOption,
    SinceOption,
    TextOption,
    UntilOption,
)
from wamon.cli.options import ConfigOption, JsonOption, ProjectOption, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wamon.postgres.connection import Database
    from wamon.spreadsheets.posts import Line


_ROWS_BETWEEN_WORDS = 1_000


def add_to(app: typer.Typer) -> None:
    app.command()(export)


def export(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.csv|FILE.xlsx", help="Where to; without one, CSV on stdout.")
    ] = None,
    project: ProjectOption = None,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindOption = None,
    sender: SenderOption = None,
    text: TextOption = None,
    review: Annotated[bool, typer.Option("--review", help="Add the columns of the review table.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the posts of drop numbers to a file, the oldest first: one row for each number of each message.

    Without --kind it has every post, also rejected and retracted ones; the column What tells. Times are those of the
    configured zone. A file that exists is replaced. --review adds what the review table holds of each drop: its columns
    under their own names, empty where there is no row.

    \b
    wamon drops export november.xlsx --since 2026-11-01 --until 2026-11-30
    wamon drops export rejected.csv --project Lawley --kind rejected
    wamon drops export lawley.xlsx --project Lawley --review
    """
    from wamon.app.database import ledger
    from wamon.errors import UsageError
    from wamon.privacy import people_of
    from wamon.render import progress, say
    from wamon.reports.posts import number_of_posts, posts
    from wamon.spreadsheets.posts import csv_text, lines, write
    from wamon.views.document import as_json
    from wamon.views.export import Exported

    options = said(ctx, config, json)
    if options.json and file is None:
        raise UsageError("The CSV goes to stdout, and so would the JSON.", hint="Name a file.")
    settings = options.config()
    people = people_of(settings)
    filters = Filters(project, day, since, until, kind, sender, text)
    span = filters.span(settings.timezone, options.clock.now())
    with ledger(settings) as db:
        wanted = filters.selection(db, people, span)
        table = settings.database.review_table if review else None
        columns = _review_columns(db, table) if review else {}
        chosen = lines(posts(db, wanted, table), people, settings.timezone, columns)
        if file is None:
            csv_text(sys.stdout, chosen, [*columns])
            return
        total = number_of_posts(db, wanted)
        with progress("Exporting", total) as tell:
            write(file, _told(chosen, tell), [*columns])
    if options.json:
        say(as_json(Exported(str(file.absolute()), total)))
    else:
        say(f"{total:,} post{'' if total == 1 else 's'} in {file}.")


def _review_columns(db: Database, table: str | None) -> dict[str, str]:
    from wamon.errors import UsageError
    from wamon.ledger.review import types_of_columns
    from wamon.spreadsheets.posts import exported

    columns = types_of_columns(db, table)
    if not columns:
        where = "database.review_table is empty" if table is None else f"the database has no {table}"
        raise UsageError(f"There is no review table: {where}.", hint="Export without --review, or name it there.")
    return exported(columns)


def _told(rows: Iterable[Line], tell: Callable[[int], None]) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % _ROWS_BETWEEN_WORDS == 0:
            tell(number)
