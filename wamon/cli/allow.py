"""`wamon drops allow`: the lists of numbers that projects accept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.asking import YesOption, confirm
from wamon.cli.clusters import name_database
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, ProjectOption, complete_project, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.config.schema import Config
    from wamon.postgres.connection import Database
    from wamon.views.allow import Bad, Imported, Lists, Missing, Strangers

_SHOWN = 5
_SHOWN_IN_A_QUESTION = 20
_SHOWN_IN_A_TABLE = 50

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)

OwnerOption = Annotated[
    str,
    typer.Option("--project", metavar="NAME", help="The project whose list it is.", autocompletion=complete_project),
]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many drops.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="allow",
        help="""Keep the lists of drop numbers that projects with `validate: true` accept.

        \b
        wamon drops allow import drops.xlsx --project Lawley
        wamon drops allow list
        wamon drops allow missing --project Lawley
        """,
    )


@commands.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX, XLS or ODS.")],
    project: OwnerOption,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME|LETTER|NUMBER", help="Where the numbers stand.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take everything else off the list.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Add the drop numbers of a file to a project's list.

    The column is the one with a heading such as Drop, drop_number or DR, else the only one that holds drop numbers.
    What cells show counts. A number without its letters gets them; one that has fewer digits than usual has lost its
    leading zeros. Rows without a drop number are told and left out; a file of which a part can't be read is refused.
    --replace shows what it takes off and asks.

    \b
    wamon drops allow import drops.xlsx --project Lawley
    wamon drops allow import drops.csv --project Lawley --column "Plan no"
    wamon drops allow import drops.ods --project Lawley --column C --replace
    """
    from wamon.app.database import ledger
    from wamon.ledger import allow_list
    from wamon.render import progress, say
    from wamon.spreadsheets.numbers import read
    from wamon.views.allow import Bad, Imported, validated
    from wamon.views.document import as_json
    from wamon.views.projects import require_project

    options = said(ctx, config, json)
    settings = options.config()
    change = allow_list.replace_numbers if replace else allow_list.import_numbers
    with ledger(settings) as db:
        require_project(db, settings, project)
        usual_length = allow_list.usual_length(db, project)
        listed = read(file, settings.drops.pattern, column, usual_length, progress)
        going = allow_list.others(db, project, listed.numbers) if replace else []
        if going and not yes:
            confirm(f"Take {_numbers(len(going))} off the list of {project}: {_some(going, _SHOWN_IN_A_QUESTION)}?")
        imported = change(db, project, listed.numbers)
    bad = tuple(Bad(*row) for row in listed.bad)
    answer = Imported(
        project, str(file.absolute()), listed.columns, *imported, listed.repeated, bad, listed.unseen_zeros
    )
    if options.json:
        say(as_json(answer))
    else:
        _show_import(answer)
        if project not in validated(settings):
            say(f"Nothing is rejected by it yet: no group of {project} has `validate: true` in the config.")


@commands.command("list")
def list_(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say which projects have a list, of how many numbers, and what waits to be listed.

    \b
    wamon drops allow list
    wamon drops allow list --json
    """
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.views import allow as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        answer = view.lists(db, settings)
    if options.json:
        say(as_json(answer))
    else:
        _show_lists(answer, settings)
        name_database(settings)


@commands.command()
def missing(
    ctx: typer.Context,
    project: ProjectOption = None,
    limit: LimitOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the drops that are planned and not posted: on a project's list, and in none of its messages.

    A table shows 50 drops unless --limit says otherwise; --json has all.

    \b
    wamon drops allow missing
    wamon drops allow missing --project Lawley --json
    """
    from wamon.app.database import ledger
    from wamon.ledger import allow_list
    from wamon.views import allow as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    with ledger(settings) as db:
        planned = _planned(db, settings, project)
        found = allow_list.missing(db, project)
    answer = view.missing(planned, found[: _limit(limit, options.json)])
    if options.json:
        options.say_list(answer)
    else:
        _show_missing(answer, len(found))
        name_database(settings)


@commands.command()
def strangers(
    ctx: typer.Context,
    project: ProjectOption = None,
    limit: LimitOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the drops that are posted and not planned: not on their project's list; the newest posts first.

    The likely number is the nearest one of the list that nobody posted; none where two are equally near. Projects
    without a list are left out. A table shows 50 drops unless --limit says otherwise; --json has all.

    \b
    wamon drops allow strangers
    wamon drops allow strangers --project Lawley --json
    """
    from wamon.app.database import ledger
    from wamon.ledger import allow_list
    from wamon.privacy import people_of
    from wamon.views import allow as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    people = people_of(settings)
    with ledger(settings) as db:
        planned = _planned(db, settings, project)
        found = allow_list.strangers(db, project)
        unposted = allow_list.missing(db, project) if found else []
    answer = view.strangers(planned, found[: _limit(limit, options.json)], unposted, people)
    if options.json:
        options.say_list(answer)
    else:
        _show_strangers(answer, len(found), settings)
        name_database(settings)


@commands.command()
def export(
    ctx: typer.Context,
    project: OwnerOption,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV or XLSX, as its ending says; else CSV on stdout.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a project's list to a file, or to standard output.

    \b
    wamon drops allow export --project Lawley
    wamon drops allow export lawley.xlsx --project Lawley
    """
    from wamon.app.database import ledger
    from wamon.render import say
    from wamon.spreadsheets.numbers import as_csv, write
    from wamon.views.allow import Exported, Numbers
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        numbers = _list_of(db, settings, project)
    if file is None:
        if options.json:
            say(as_json(Numbers(project, tuple(numbers))))
        else:
            sys.stdout.write(as_csv(numbers))
        return
    write(file, numbers)
    if options.json:
        say(as_json(Exported(project, str(file.absolute()), len(numbers))))
    else:
        say(f"Wrote {_numbers(len(numbers))} to {file.absolute()}.")


@commands.command()
def clear(
    ctx: typer.Context,
    project: OwnerOption,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a project's list. What it rejected stays rejected until its number is on a list.

    \b
    wamon drops allow clear --project Lawley
    wamon drops allow clear --project Lawley --yes
    """
    from wamon.app.database import ledger
    from wamon.ledger import allow_list
    from wamon.render import say
    from wamon.views.allow import Cleared
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        count = len(_list_of(db, settings, project))
        if not yes:
            confirm(f"Remove the list of {project}, {_numbers(count)}?")
        removed = allow_list.clear(db, project) or 0
    if options.json:
        say(as_json(Cleared(project, removed)))
    else:
        say(f"Removed the list of {project}, {_numbers(removed)}.")


def _list_of(db: Database, config: Config, project: str) -> list[str]:
    from wamon.errors import UsageError
    from wamon.ledger import allow_list
    from wamon.views.projects import require_project

    require_project(db, config, project)
    numbers = allow_list.numbers(db, project)
    if numbers is None:
        raise UsageError(
            f"{project} has no list.", hint=f"`wamon drops allow import FILE --project {project!r}` makes one."
        )
    return numbers


def _planned(db: Database, config: Config, project: str | None) -> int:
    """How many numbers the list of a project has, or those of all. Raises UsageError where there is none."""
    from wamon.errors import UsageError
    from wamon.ledger import allow_list

    if project is not None:
        return len(_list_of(db, config, project))
    found = allow_list.lists(db)
    if not found:
        raise UsageError("No project has a list.", hint="`wamon drops allow import FILE --project NAME` makes one.")
    return sum(row.numbers for row in found)


def _limit(said: int | None, json: bool) -> int | None:
    return _SHOWN_IN_A_TABLE if said is None and not json else said


def _show_import(answer: Imported) -> None:
    from wamon.render import say
    from wamon.spreadsheets.numbers import ZEROS

    removed = f", {answer.removed:,} taken off" if answer.removed else ""
    say(
        f"{answer.project} accepts {_numbers(answer.numbers)} now: {answer.added:,} new{removed},"
        f" from {' and '.join(answer.columns)}."
    )
    if answer.repeated:
        say(f"Rows that repeat a number: {answer.repeated:,}.")
    _show_bad("without a drop number", [bad for bad in answer.bad if not bad.lost_zeros])
    lost_zeros = [bad for bad in answer.bad if bad.lost_zeros]
    _show_bad("that seem to have lost leading zeros", lost_zeros)
    if lost_zeros:
        say(ZEROS)
    if answer.unseen_zeros:
        say(
            f"Zeros that {_numbers(answer.unseen_zeros)} may begin with aren't seen: an XLS file doesn't tell how cells"
            " show their numbers. If some do, save it as XLSX, and import that."
        )
    if answer.admitted:
        posts = "post that was rejected is" if answer.admitted == 1 else "posts that were rejected are"
        say(f"{answer.admitted:,} {posts} admitted at the next pass.")


def _show_bad(what: str, rows: Sequence[Bad]) -> None:
    from wamon.render import say

    if rows:
        some = [f"{bad.why}{f' (sheet {bad.sheet})' if bad.sheet else ''}" for bad in rows[:_SHOWN]]
        say(f"Rows {what}, left out: {len(rows):,}. {', '.join(some)}{'…' if len(rows) > _SHOWN else '.'}")


def _show_missing(answer: Missing, total: int) -> None:
    from wamon.render import say, table

    rows = [(drop.drop_number, drop.project, ", ".join(drop.posted_in)) for drop in answer.missing]
    table(("Drop", "Project", "Posted in"), rows, whole=("Drop",))
    _show_cut(len(rows), total)
    say(f"{total:,} of {_numbers(answer.planned)} planned and not posted.")


def _show_strangers(answer: Strangers, total: int, config: Config) -> None:
    from wamon.render import local, say, table
    from wamon.words import amount

    rows = [
        (
            drop.drop_number,
            drop.project,
            local(drop.last_seen_at, config.timezone),
            "rejected" if drop.rejected else "accepted",
            drop.submitted_by,
            drop.likely,
            ", ".join(drop.planned_in),
        )
        for drop in answer.strangers
    ]
    columns = ("Drop", "Project", "Last posted", "What", "By", "Likely", "Planned")
    table(columns, rows, whole=("Drop", "Last posted", "What", "Likely"))
    _show_cut(len(rows), total)
    say(f"{amount(total, 'drop')} posted and not planned.")


def _show_cut(shown: int, total: int) -> None:
    from wamon.render import say

    if shown < total:
        say(f"These are the first {shown:,} of {total:,}; --limit shows more.")


def _some(numbers: Sequence[str], most: int) -> str:
    left = len(numbers) - most
    return f"{', '.join(numbers[:most])}{f' and {left:,} more' if left > 0 else ''}"


def _show_lists(answer: Lists, config: Config) -> None:
    from wamon.render import local, say, table

    columns = ("Project", "Numbers", "Imported", "Rejected posts", "Validates")
    shown = [
        (
            row.project,
            f"{row.numbers:,}",
            local(row.imported_at, config.timezone),
            f"{row.rejected:,}",
            "yes" if row.validate else "no",
        )
        for row in answer.lists
    ]
    table(columns, shown, right=("Numbers", "Rejected posts"))
    if not answer.lists:
        say("No project has a list. `wamon drops allow import FILE --project NAME` makes one.")
    for project in answer.lacking:
        say(f"{project} has `validate: true` and no list: its posts pass unchecked.")


def _numbers(count: int) -> str:
    from wamon.words import amount

    return amount(count, "number")
