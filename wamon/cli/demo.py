"""`wamon demo`: what wamon does, with made-up messages and a real database."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from shlex import join
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.app.page_once import Served
    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.views.demo import Demo

_EXAMPLES = 8


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where it lives; else in wamon's own state directory.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Scan a small made-up bridge's store into a real, embedded PostgreSQL, and show the drops found. Where the extra
    `web` is installed somebody also writes by a hook, and gets one answer, by a stand-in for the provider.

    It touches neither your config nor your database. Run again, it finds the same: a scan of what is recorded already
    changes nothing. To begin anew, name another directory.

    \b
    wamon demo
    wamon demo --dir /tmp/demo
    """
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of, configured
    from wamon.app.database import ledger
    from wamon.app.page_once import is_there
    from wamon.demo import folder_of, prepare
    from wamon.render import say
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    place = (folder or folder_of(os.environ)).absolute()
    path = prepare(place, options.clock.now())
    settings = configured(path, {})
    with ledger(settings):
        with opened(settings, bridge_of(settings), options.clock) as pipeline:
            answer = _found(pipeline, path, settings, options.clock)
        if is_there():
            answer = _with_second_half(answer, path, settings, options.clock)
    if options.json:
        say(as_json(answer))
    else:
        _show(answer, settings)
    raise typer.Exit(0 if answer.clean else 1)


def _found(pipeline: Pipeline, path: Path, settings: Config, clock: Clock) -> Demo:
    from wamon.app.configured import bridge_of
    from wamon.app.publish import publish
    from wamon.capture.scan import scan
    from wamon.capture.verify import Verification
    from wamon.reports import posts
    from wamon.views import demo as view

    scanned = scan(pipeline)
    verified = Verification(pipeline, list(pipeline.source.groups.values())).verify()
    drops = [drop for drop, _ in posts.every_drop(pipeline.source.db, posts.Selection())]
    publish(settings, bridge_of(settings), clock, pipeline.source.db)
    return view.demo(path, pipeline, scanned, verified, drops)


def _with_second_half(answer: Demo, path: Path, settings: Config, clock: Clock) -> Demo:
    """The same, with what somebody was answered, and what the page says."""
    from wamon.app.answer_once import answer_to
    from wamon.app.page_once import served
    from wamon.demo import QUESTIONS

    wamon = [sys.executable, "-m", "wamon"]
    with served(wamon, path, clock) as site:
        page = tuple(_page(site))
        answered = answer_to(QUESTIONS, wamon, path, settings, site)
    return replace(answer, page=page, asked=QUESTIONS, answered=answered)


def _page(site: Served) -> Iterator[str]:
    """The first lines of the page, as text."""
    found = site.home_page()
    totals, newest = found["totals"], found["posts"][:1]
    yield found["verdict"]["sentence"]
    yield f"New drops today: {totals['new']}, posted again: {totals['again']}; groups: {totals['groups']}"
    yield f"Needs a person: {found['needs_total']}; not recorded yet: {totals['behind']}"
    yield from (f"Last drop: {post['drop_number']} in {post['project']}" for post in newest)


def _show(answer: Demo, config: Config) -> None:
    from wamon.render import local, say, table

    say(f"{answer.read:,} messages read and recorded, from the store {answer.bridge}.")
    verdict = "none is missing" if answer.clean else "NOT CLEAN: run verify to see why"
    say(f"{answer.checked:,} messages compared with the ledger: {verdict}.\n")
    for project in sorted({drop.project for drop in answer.drops}):
        say(_listed(project, [drop.drop_number for drop in answer.drops if drop.project == project]))
    say(f"\n{len(answer.drops):,} drops. The newest of them:")
    rows = [
        (
            drop.drop_number,
            drop.project,
            local(drop.first_seen_at, config.timezone),
            local(drop.last_seen_at, config.timezone),
            drop.submissions,
        )
        for drop in answer.drops[:_EXAMPLES]
    ]
    table(("Drop", "Project", "First posted", "Last posted", "Posts"), rows, right=("Posts",))
    if answer.page:
        say(
            "\n".join(
                ["The page of `wamon web`, which ran for a moment, says:", *(f"  {line}" for line in answer.page)]
            )
        )
        say("")
    if answer.answered:
        written = " and ".join(f"“{text}”" for text in answer.asked)
        say(f"Somebody wrote {written} to a number, by a hook.\nThey got one answer: “{answer.answered}”\n")
    say(_where(answer))


def _listed(project: str, numbers: list[str]) -> str:
    return fill(f"{project}, {len(numbers)} drops: {' '.join(sorted(numbers))}", width=80, subsequent_indent="  ")


def _where(answer: Demo) -> str:
    from wamon.demo import PERSON

    wamon = join([*_ourselves(), "--config", answer.config])
    looks = (
        ("every drop", f"{wamon} drops list"),
        ("one drop's story", f"{wamon} drops show DR1752028"),
        ("the position", f"{wamon} state show"),
        ("for psql", f"{wamon} db url"),
        *([("the page", f"{wamon} web")] if answer.page else []),
        *([("what was said", f"{wamon} conversations show {PERSON}")] if answer.answered else []),
    )
    lines = [f"  {what:<17} {words}" for what, words in looks]
    return "\n".join([f"They are in the embedded PostgreSQL of {answer.state}. Look at", *lines])


def _ourselves() -> list[str]:
    """How to run this wamon: by its path where no `wamon` is found, and without what overrides the demonstration's."""
    from wamon.config.load import OVERRIDES

    overrides = [word for name in OVERRIDES if os.environ.get(name) for word in ("-u", name)]
    program = ["wamon"] if shutil.which("wamon") else [sys.argv[0]]
    if sys.argv[0].endswith("__main__.py"):
        program = [sys.executable, "-m", "wamon"]
    return ["env", *overrides, *program] if overrides else program
