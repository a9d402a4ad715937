"""How results look: tables on stdout, progress on stderr. The only module that knows rich."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from wamon.log import is_quiet
from wamon.words import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from rich.console import Console
    from rich.table import Table

    from wamon.words import Meaning

_WITHOUT_A_TERMINAL = 160
_WIDEST_PAGE = 100
_SECONDS_BETWEEN_LINES = 5.0
_STYLES: dict[Meaning, str] = {"good": "green", "look": "yellow", "bad": "red", "unknown": "dim"}


def say(text: str) -> None:
    """Print a result's sentence."""
    sys.stdout.write(text + "\n")


def say_in_parts(parts: Iterable[str]) -> None:
    """Print a result that is too long to be held whole."""
    sys.stdout.writelines(parts)
    sys.stdout.write("\n")


def paragraph(text: str) -> None:
    """Print a result's sentences in lines that fit the terminal."""
    from textwrap import fill

    say(fill(text, screen_width(), break_long_words=False, break_on_hyphens=False))


def aside(text: str) -> None:
    """Print what a result comes with, in lines that fit the terminal, and less bright than it."""
    from rich.text import Text

    _console().print(Text(text, style="dim"), soft_wrap=False)


def coloured(state: str) -> str:
    """The word for a state, in its colour where stdout is a terminal that takes colours."""
    if _is_plain():
        return state
    from rich.text import Text

    console = _console()
    with console.capture() as shown:
        console.print(Text(state, style=_style(state)), end="", soft_wrap=True)
    return shown.get()


def _style(state: str) -> str:
    return _STYLES[MEANINGS[state]] if state in MEANINGS else ""


def _is_plain() -> bool:
    """Whether no code may go to stdout. Whether a terminal knows any is left to rich, by TERM."""
    return bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()


def _console() -> Console:
    from rich.console import Console

    # By NO_COLOR rich leaves out colours alone, not what is bold or dim.
    return Console(file=sys.stdout, width=screen_width(), emoji=False, color_system=None if _is_plain() else "auto")


def page(markdown: str) -> None:
    """Show a page: formatted on a terminal, as it is elsewhere."""
    from rich.console import Console
    from rich.markdown import Markdown

    if sys.stdout.isatty():
        Console(file=sys.stdout, width=min(screen_width(), _WIDEST_PAGE), emoji=False).print(Markdown(markdown))
    else:
        say(markdown.rstrip())


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    state: str | None = None,
) -> None:
    """Print a table as wide as the terminal. Without rows, nothing.

    Columns named in `right` hold numbers; what stands in those named in `whole` is never broken. The column named
    `state` holds words for states, which are shown in colour as by `coloured`.
    """
    if rows:
        _console().print(_table(columns, rows, right, whole, state))


def table_text(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int,
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> str:
    """The same table as plain text of at most so many columns."""
    from rich.console import Console

    file = StringIO()
    Console(file=file, width=width, force_terminal=False, no_color=True, emoji=False).print(
        _table(columns, rows, right, whole)
    )
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def screen_width() -> int:
    """How many columns there are: the terminal's, else what $COLUMNS says, else plenty."""
    return shutil.get_terminal_size((0, 0)).columns or _WITHOUT_A_TERMINAL


def _table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    right: Sequence[str],
    whole: Sequence[str],
    state: str | None = None,
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            min_width=len(column),  # a heading is never broken
            no_wrap=column in whole or column in right,
        )
    for row in rows:
        # Text, so that no name or number out of a chat is taken for markup, nor for what steers a terminal.
        shown.add_row(
            *(
                Text.assemble(("" if cell is None else _plain(str(cell)), _style(str(cell)) if column == state else ""))
                for column, cell in zip(columns, row, strict=False)  # a row may end early
            )
        )
    return shown


def _plain(text: str) -> str:
    return "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else " " for c in text)


class _Terminal(StringIO):
    """Takes what is printed for a terminal, so that it can be shown as a whole."""

    def isatty(self) -> bool:
        return True


@contextmanager
def screen() -> Iterator[Callable[[Callable[[], None]], None]]:
    """A live screen for as long as the block runs.

    Yields a function that shows what another prints, in place of what stood there.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(tell: Callable[[], None]) -> None:
            with redirect_stdout(_Terminal()) as printed:
                tell()
            live.update(Text.from_ansi(printed.getvalue()), refresh=True)

        yield show


def height() -> int:
    """How many lines the terminal has."""
    return shutil.get_terminal_size().lines


def local(moment: datetime | None, zone: ZoneInfo) -> str:
    """A time as people of this zone read it."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "—"


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far long work has come: a bar with rate and time left on a terminal, else a line now and then.

    Quiet, nothing.

    Yields a function to call with how much is done so far, of `total`; 0 where that isn't known.
    """
    if is_quiet():
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total or None, rate="?")

        def advance(done: int) -> None:
            bar.update(task, completed=done, rate=f"{bar.tasks[0].speed or 0:,.0f}")

        yield advance


def _lines(what: str, total: int) -> Callable[[int], None]:
    began = told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _SECONDS_BETWEEN_LINES:
            told = now
            of = f" of {total:,}" if total else ""
            sys.stderr.write(f"{what}: {done:,}{of} rows, {done / (now - began):,.0f} rows/s\n")

    return tell
