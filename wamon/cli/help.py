"""`wamon help`: the pages of docs/, where nobody has a checkout, and what a command's --help says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wamon.cli.options import starting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable


def add_to(app: typer.Typer) -> None:
    app.command(name="help")(show)


def complete_topic(ctx: typer.Context, incomplete: str) -> list[str]:
    """The pages and commands that begin so, for the shell; after a command's name, those in it."""
    words = ctx.params.get("topic") or []
    found = _command(ctx, words)
    inner = [name for name, one in _inner(found.command).items() if not one.hidden] if found else []
    return starting(incomplete, inner if words else [*inner, *_pages()])


def show(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(metavar="TOPIC", help="A page, or a command; none: all pages.", autocompletion=complete_topic),
    ] = None,
) -> None:
    """Show a page of the documentation, or what a command does.

    Without a topic it lists the pages. On a terminal they are formatted; elsewhere they are Markdown.

    \b
    wamon help
    wamon help guide
    wamon help drops export
    """
    from wamon.render import page, say, table

    pages = _pages()
    if not topic:
        table(("Page", "About"), [(name, _title(text)) for name, text in pages.items()])
        say("`wamon help PAGE` shows one, `wamon help COMMAND` says what a command does.")
    elif len(topic) == 1 and topic[0] in pages:
        page(pages[topic[0]].read_text("utf-8"))
    else:
        say(_help_of(ctx, topic))


def _pages() -> dict[str, Traversable]:
    from wamon.host.shipped import shipped

    found = sorted(shipped("docs", "docs").iterdir(), key=lambda each: each.name)
    return {each.name.removesuffix(".md"): each for each in found if each.name.endswith(".md")}


def _title(text: Traversable) -> str:
    with text.open(encoding="utf-8") as lines:
        return str(lines.readline()).removeprefix("# ").rstrip()


def _help_of(ctx: typer.Context, words: list[str]) -> str:
    """A command's help. Raises UsageError where neither a page nor a command has that name."""
    found = _command(ctx, words)
    if found is None:
        raise _unknown(" ".join(words))
    return str(found.get_help())


def _command(ctx: typer.Context, words: list[str]) -> Any:  # noqa: ANN401 - typer gives no name to its contexts
    """The command with that name, in its context; None where there is none."""
    found: Any = ctx.find_root()
    for word in words:
        inner = _inner(found.command).get(word)
        if inner is None:
            return None
        found = typer.Context(inner, info_name=word, parent=found)
    return found


def _inner(command: object) -> Mapping[str, Any]:
    """The commands of a command, by their names."""
    return getattr(command, "commands", {})


def _unknown(topic: str) -> Exception:
    from wamon.errors import UsageError

    return UsageError(
        f"Nothing is called {topic!r}.", hint="`wamon help` lists the pages, `wamon --help` the commands."
    )
