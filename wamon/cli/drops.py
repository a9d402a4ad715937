"""`wamon drops`: what was found."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.cli import allow, near
from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from wamon.config import Config
    from wamon.postgres.connection import Database
    from wamon.postgres.reports import Selection, Submission, Text

_SHOWN_IN_A_TABLE = 50
_PEOPLE = ("user_name", "submitted_by")
"""The review table's columns that hold who posted a drop."""

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class Kind(StrEnum):
    """How a post of a drop number counts."""

    new = "new"
    resubmission = "resubmission"
    rejected = "rejected"


def add_to(app: typer.Typer) -> None:
    near.add_to(commands)
    allow.add_to(commands)
    app.add_typer(
        commands,
        name="drops",
        help="""List the drops that were found, or tell one drop's story.

        \b
        wamon drops list --since today
        wamon drops show DR1752028
        """,
    )


@commands.command("list")
def list_(
    ctx: typer.Context,
    project: Annotated[str | None, typer.Option("--project", metavar="NAME", help="Only this project's.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only posts from then on.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only posts before then; a day counts whole.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only posts of this kind.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many drops.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the drops that were posted, the newest posts first.

    A time is the message's own: a date, a time in the configured zone, today, yesterday, or an age such as 24h.
    Without --kind, rejected posts are left out. A table shows 50 drops unless --limit says otherwise; --json has all.

    \b
    wamon drops list --since today
    wamon drops list --project Lawley --since 2026-11-01 --until 2026-11-30
    wamon drops list --kind resubmission --since 24h --json
    """
    from wamon.app import ledger
    from wamon.cli import times
    from wamon.clock import Clock
    from wamon.postgres.reports import Selection
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    if limit is None and not options.json:
        limit = _SHOWN_IN_A_TABLE
    zone, now = settings.timezone, Clock().now()
    wanted = Selection(project, times.since(since, zone, now), times.until(until, zone, now), kind, limit)
    with ledger(settings) as db:
        answer = _listed(db, wanted, settings)
    if options.json:
        as_json(answer)
    else:
        _show_list(answer, settings)


@commands.command()
def show(
    ctx: typer.Context,
    number: Annotated[list[str], typer.Argument(metavar="DR…", help="The drop number, however it is written.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell a drop's whole story: each post of it, with its edits, and what the review says.

    Ends with 1, and names near numbers, where no message posted it.

    \b
    wamon drops show DR1752028
    wamon drops show "dr 1752028" --json
    """
    from wamon.app import ledger
    from wamon.render import as_json

    options = said(ctx, config, json)
    settings = options.config()
    with ledger(settings) as db:
        answer = _story(db, canonical(" ".join(number)), settings)
    if options.json:
        as_json(answer)
    else:
        _show_story(answer, settings)


def _listed(db: Database, wanted: Selection, config: Config) -> dict[str, Any]:
    from wamon.postgres import reports

    if wanted.project is not None:
        _require_project(wanted.project, reports.projects(db))
    found, total = reports.drops(db, wanted)
    drops = [drop._asdict() | {"submitted_by": _person(drop.submitted_by, config)} for drop in found]
    return {"total": total, "drops": drops}


def _require_project(project: str, known: list[str]) -> None:
    from wamon.errors import UsageError

    if project not in known:
        named = f"The projects are {', '.join(known)}." if known else "Nothing is recorded yet: run `wamon scan`."
        raise UsageError(f"There is no project {project}.", hint=named)


def _person(sender: str, config: Config) -> str | None:
    """Who posted something, as far as `privacy.show` lets people see it. Names aren't known yet."""
    from wamon.drops.reading import user_of

    user = user_of(sender)
    if config.privacy.show == "none" or not user:
        return None
    return user if config.privacy.show == "phones" or not user.isdigit() else f"…{user[-4:]}"


def _show_list(answer: dict[str, Any], config: Config) -> None:
    from wamon.render import local, say, table

    rows = [
        (
            drop["drop_number"],
            drop["project"],
            local(drop["first_seen_at"], config.timezone),
            local(drop["last_seen_at"], config.timezone),
            drop["submissions"],
            drop["submitted_by"],
        )
        for drop in answer["drops"]
    ]
    table(("Drop", "Project", "First posted", "Last posted", "Posts", "By"), rows, right=("Posts",))
    total = answer["total"]
    if len(rows) < total:
        say(f"These are the newest {len(rows):,} of {total:,} drops; --limit shows more.")
    else:
        say(f"{total:,} drop{'' if total == 1 else 's'}.")


def canonical(text: str) -> str:
    from wamon.drops.extraction import candidates
    from wamon.errors import UsageError

    found = candidates(text)
    if len(found) != 1:
        raise UsageError(f"{text!r} is not one drop number.", hint="Name one, such as DR1752028 or 'dr 1752028'.")
    return found[0]


def _story(db: Database, number: str, config: Config) -> dict[str, Any]:
    from wamon.postgres import reports

    posts = reports.submissions(db, number)
    if not posts:
        raise _unknown(number, reports.near(db, number))
    said = reports.texts(db, posts)
    rows = reports.reviews(db, config.database.review_table, number)
    by_project: defaultdict[str, list[Submission]] = defaultdict(list)
    for post in posts:
        by_project[post.project].append(post)
    return {
        "drop_number": number,
        "projects": [
            {
                "project": project,
                "submissions": [_post(post, said.get((post.chat, post.message_id), []), config) for post in own],
                "reviews": [_review(row, config) for row in rows if row.get("project", project) == project],
            }
            for project, own in by_project.items()
        ],
    }


def _unknown(number: str, near: list[str]) -> Exception:
    from wamon.errors import WamonError

    return WamonError(
        f"No message posted {number}.",
        hint=f"Near ones: {', '.join(near)}." if near else "`wamon scan` reads what is new; `wamon drops list` lists.",
    )


def _post(post: Submission, texts: list[Text], config: Config) -> dict[str, Any]:
    return {
        "source": post.source,
        "group": post.group,
        "jid": post.jid,
        "message_id": post.message_id,
        "sent_at": post.sent_at,
        "submitted_by": _person(post.sender, config),
        "kind": post.kind,
        "live": post.live,
        "gone_at": post.gone_at,
        "texts": [text._asdict() for text in texts],
    }


def _review(row: dict[str, Any], config: Config) -> dict[str, Any]:
    people = {column: _person(str(row[column]), config) for column in _PEOPLE if row.get(column)}
    return {**row, **people}


def _show_story(answer: dict[str, Any], config: Config) -> None:
    from wamon.render import say, table

    for part in answer["projects"]:
        say(f"{answer['drop_number']} in {part['project']}")
        rows = [row for post in part["submissions"] for row in _rows(post, config)]
        table(("When", "Group", "What", "By", "Text"), rows)
        for review in part["reviews"]:
            say(_review_words(review))


def _rows(post: dict[str, Any], config: Config) -> list[tuple[Any, ...]]:
    """A post, with the text as it stands, then what it said before its edits."""
    from wamon.render import local

    *before, now = post["texts"] or [{"text": None}]
    posted = (local(post["sent_at"], config.timezone), post["group"], _what(post), post["submitted_by"], now["text"])
    return [
        posted,
        *((local(old["replaced_at"], config.timezone), "", "edited; before:", "", old["text"]) for old in before),
    ]


def _what(post: dict[str, Any]) -> str:
    if not post["live"]:
        what = "retracted"
    elif post["kind"] == "resubmission":
        what = "posted again"
    else:
        what = str(post["kind"])
    return f"{what}, gone since" if post["gone_at"] else what


def _review_words(review: dict[str, Any]) -> str:
    """The review row in short: its steps counted, and what else it says."""
    steps = [value for column, value in review.items() if column.startswith("step_")]
    done = [f"{sum(map(bool, steps))} of {len(steps)} steps done"] if steps else []
    marks = [column for column in ("completed", "incomplete", "resubmitted") if review.get(column)]
    sent = [f"feedback sent {review['feedback_sent']}"] if review.get("feedback_sent") else []
    comment = [f"comment: {review['comment']}"] if review.get("comment") else []
    return f"Review: {', '.join([*done, *marks, *sent, *comment]) or 'not begun'}.\n"
