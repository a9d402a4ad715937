"""`wamon drops`: what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.cli import allow, export, near_misses
from wamon.cli.clusters import name_database
from wamon.cli.filters import (
    DayOption,
    Filters,
    KindOption,
    SenderOption,
    SinceOption,
    TextOption,
    UntilOption,
)
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, ProjectOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.config.schema import Config
    from wamon.errors import WamonError
    from wamon.views.drops import Drop, Newest, Story, Submission

_TO_DO = "Its sender edits the message, or posts it again; then it is recorded."
_SHOWN_IN_A_TABLE = 50
_WIDE = 100
"""Columns of a terminal that has room for when a drop was posted first, and how often."""

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    near_misses.add_to(commands)
    allow.add_to(commands)
    app.add_typer(
        commands,
        name="drops",
        help="""List the drops that were found, tell one drop's story, or write them to a file.

        \b
        wamon drops list --since today
        wamon drops show DR1752028
        wamon drops export november.xlsx --since 2026-11-01
        """,
    )
    export.add_to(commands)


@commands.command("list")
def list_(
    ctx: typer.Context,
    project: ProjectOption = None,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindOption = None,
    sender: SenderOption = None,
    text: TextOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many drops.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the drops that were posted, the newest posts first.

    A time is the message's own: a date, a time in the configured zone, today, yesterday, or an age such as 24h.
    Without --kind, rejected and retracted posts are left out. A table shows 50 drops unless --limit says otherwise;
    --json has all.

    \b
    wamon drops list --day today
    wamon drops list --project Lawley --since 2026-11-01 --until 2026-11-30
    wamon drops list --kind rejected --sender Sipho
    wamon drops list --kind resubmission --since 24h --json
    """
    from wamon.app.database import ledger
    from wamon.privacy import people_of
    from wamon.views import drops as view

    options = said(ctx, config, json, jsonl)
    settings = options.config()
    people = people_of(settings)
    filters = Filters(project, day, since, until, kind, sender, text)
    span = filters.span(settings.timezone, options.clock.now())
    with ledger(settings) as db:
        wanted = filters.selection(db, people, span)
        if options.json:
            options.say_list(view.drops(db, wanted._replace(limit=limit), people))
            return
        answer = view.newest(db, wanted, people, limit or _SHOWN_IN_A_TABLE)
    _show_list(answer, settings, kind)
    name_database(settings)


@commands.command()
def show(
    ctx: typer.Context,
    number: Annotated[list[str], typer.Argument(metavar="DR…", help="The drop number, however it is written.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell a drop's whole story: each post of it, also rejected or taken back, its edits, and what the review says.

    Then the near misses: what was written so, and what was likely meant as it. Ends with 1 where no message posted it,
    and names near numbers where nobody meant it either.

    \b
    wamon drops show DR1752028
    wamon drops show 1752028 --json
    wamon drops show DR1752028done
    """
    from wamon.app.database import ledger
    from wamon.privacy import people_of
    from wamon.render import say
    from wamon.views import drops as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    people = people_of(settings)
    with ledger(settings) as db:
        asked, review = " ".join(number), settings.database.review_table
        answer = view.story(db, asked, settings.drops.pattern, review, people, options.clock.now())
    if options.json:
        say(as_json(answer))
    else:
        _show_story(answer, settings)
        name_database(settings)
    if not answer.projects:
        raise _only_meant(answer)


def _show_list(answer: Newest, config: Config, kind: str | None) -> None:
    from wamon.render import local, say, screen_width, table

    wide = screen_width() >= _WIDE
    rows = [
        (
            drop.drop_number,
            drop.project,
            *([local(drop.first_seen_at, config.timezone)] if wide else []),
            local(drop.last_seen_at, config.timezone),
            _how_posted(drop),
            *([drop.submissions] if wide else []),
            drop.submitted_by,
        )
        for drop in answer.drops
    ]
    columns = ("Drop", "Project", *(("First posted",) if wide else ()), "Last posted", "What")
    more = ("Posts", "By") if wide else ("By",)
    table((*columns, *more), rows, right=("Posts",), whole=("Drop", "First posted", "Last posted", "What"))
    say(_how_many(len(rows), answer.total, "number" if kind in {"rejected", "retracted"} else "drop"))
    if kind is None and answer.rejected != 0:
        rejected = "many posts were" if answer.rejected is None else _counted(answer.rejected, "post")
        say(f"Beside them {rejected} rejected: `wamon drops list --kind rejected`.")


def _how_posted(drop: Drop) -> str:
    from wamon.words import KINDS

    if drop.kind == "resubmission" and drop.submissions > 2:
        return f"posted {drop.submissions} times"
    return KINDS[drop.kind]


def _how_many(shown: int, total: int | None, noun: str) -> str:
    if total is None:
        return f"These are the newest {shown:,} of many {noun}s; --limit shows more."
    if shown < total:
        return f"These are the newest {shown:,} of {total:,} {noun}s; --limit shows more."
    return f"{total:,} {noun}{'' if total == 1 else 's'}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun} was" if number == 1 else f"{number:,} {noun}s were"


def _only_meant(answer: Story) -> WamonError:
    from wamon.errors import WamonError

    meant = next((miss.likely for miss in answer.near_misses if miss.likely not in {None, answer.drop_number}), None)
    hint = f"`wamon drops show {meant}` tells of the number that was likely meant." if meant else _TO_DO
    return WamonError(f"No message posted {answer.drop_number}: it is only near misses.", hint=hint)


def _show_story(answer: Story, config: Config) -> None:
    from wamon.render import say, table

    for part in answer.projects:
        say(f"{answer.drop_number} in {part.project}: {_in_short(part.submissions)}")
        rows = [row for post in part.submissions for row in _rows(post, config)]
        table(("When", "Group", "What", "By", "Text"), rows, whole=("When",))
        for review in part.reviews:
            say(_review_words(review))
        if not part.reviews:
            say("Review: no row.\n" if config.database.review_table else "Review: none is kept.\n")
    if answer.near_misses:
        say(f"{near_misses.counted(len(answer.near_misses))}, recorded as no drop:")
        near_misses.show_table(answer.near_misses, config)


def _in_short(posts: Sequence[Submission]) -> str:
    """Where the drop stands, in words, by its posts; the same message in two sources is one."""
    standings: dict[tuple[str, str], str] = {}
    for post in sorted(posts, key=lambda post: post.live):  # the live one speaks
        rejected = "rejected" if post.kind == "rejected" else "standing"
        standings[post.jid, post.message_id] = rejected if post.live else "retracted"
    found = Counter(standings.values())
    aside = [f"{found[what]} {what}" for what in ("rejected", "retracted") if found[what]]
    if not found["standing"]:
        return f"no drop; {', '.join(aside)}"
    times = "posted once" if found["standing"] == 1 else f"posted {found['standing']} times"
    return ", ".join([times, *aside])


def _rows(post: Submission, config: Config) -> list[tuple[Any, ...]]:
    """A post, with the text as it stands, then what it said before its edits."""
    from wamon.render import local

    now = post.texts[-1].text if post.texts else None
    text = "(not kept any more)" if now is None else now
    posted = (local(post.sent_at, config.timezone), post.group, _what(post), post.submitted_by, text)
    return [
        posted,
        *((local(old.replaced_at, config.timezone), "", "edited; before:", "", old.text) for old in post.texts[:-1]),
    ]


def _what(post: Submission) -> str:
    from wamon.words import KINDS

    what = [
        KINDS[post.kind if post.live else "retracted"],
        *(["rejected before"] if not post.live and post.kind == "rejected" else []),
        *(["not checked against the list"] if post.unchecked else []),
        *(["gone since"] if post.gone_at else []),
    ]
    return ", ".join(what)


def _review_words(review: Mapping[str, Any]) -> str:
    """The review row in short: its steps counted, and what else it says."""
    steps = [value for column, value in review.items() if column.startswith("step_")]
    done = [f"{sum(map(bool, steps))} of {len(steps)} steps done"] if steps else []
    marks = [column for column in ("completed", "incomplete", "resubmitted") if review.get(column)]
    sent = [f"feedback sent {review['feedback_sent']}"] if review.get("feedback_sent") else []
    comment = [f"comment: {review['comment']}"] if review.get("comment") else []
    return f"Review: {', '.join([*done, *marks, *sent, *comment]) or 'not begun'}.\n"
