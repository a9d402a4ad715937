"""`wamon events`: what happened, for shells and for what ships logs."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from wamon.cli.options import ConfigOption, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wamon.events.model import Event

_NICE = 10
"""Where a core is wanted by others, they get nearly all of it: nothing waits for who only copies."""
_SINCE = "Only what happened after the event with this cursor; else from the beginning."


def add_to(app: typer.Typer) -> None:
    app.command()(events)


def events(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens next, until it is ended.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="CURSOR", help=_SINCE)] = None,
    config: ConfigOption = None,
) -> None:
    """Print what happened as CloudEvents, a JSON object a line: posts, near misses, answers, gaps, sources.

    They come in the order in which they were committed, each at least once: those with the same id are one. Each has
    its cursor: keep the last one, and begin there with --since. No text and no person's number stands in them. From the
    first use on PostgreSQL keeps events, until nobody has followed them for a month.

    \b
    wamon events
    wamon events --follow | tee -a events.jsonl
    """
    from wamon.app.events import Following
    from wamon.events.cursor import Cursor

    options = said(ctx, config, json=True)
    cursor = Cursor.parse(since) if since is not None else None
    found = options.config()
    following = Following(found, cursor, options.clock)
    if not follow:
        _print_each(following.to_the_end())
        return
    _require_reader()
    with suppress(_Ended):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        if found.database.url:  # else the embedded server might be started by us, and be as modest
            os.nice(_NICE)
        _print_each(following.for_ever(_pause))


class _Ended(Exception):
    """Somebody asked for the end, which is none of an error."""


def _end(*_: object) -> NoReturn:
    raise _Ended


def _print_each(found: Iterable[Sequence[Event]]) -> None:
    for some in found:
        sys.stdout.write("".join(f"{event.line}\n" for event in some))
        sys.stdout.flush()


def _pause(seconds: float) -> None:
    """Wait, unless whoever reads us has gone: without news nothing else would tell."""
    _require_reader()
    time.sleep(seconds)


def _require_reader() -> None:
    """Raises BrokenPipeError where whoever read us has gone, or nobody ever did: stdout was closed from the start."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if sys.__stdout__ is None or poll.poll(0):
        raise BrokenPipeError
