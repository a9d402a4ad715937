"""docs/cli.md and docs/wamon.1, from the commands: `python -m tests.support.command_pages` writes both anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from wamon.cli.main import app
from wamon.cli.usage import BLOCKS

DOCS = Path(__file__).parents[2] / "docs"
PAGE, MANUAL = DOCS / "cli.md", DOCS / "wamon.1"
EVERYWHERE = ("--config", "--json", "-h")
"""What every command takes, which is said once."""
EXITS = (
    (0, "fine"),
    (1, "something unexpected, or a check found something"),
    (2, "the command was used wrongly, or could not compare"),
    (69, "a store or database is unavailable, or isn't what it should be"),
    (70, "a promise is broken"),
    (75, "try later: another wamon holds what is needed"),
    (78, "the config can't be used"),
)
OPTIONS = (
    ("--config FILE", "The config, instead of $WAMON_CONFIG or config/wamon.yaml."),
    ("--json", "Answer in JSON; `wamon help json` lists the fields."),
    ("-q, --quiet", "Say nothing but warnings, errors and what you ask for; no progress."),
    ("-v, --verbose", "Also say what is done; twice, in detail."),
    ("--version", "Show whose versions these are, and exit."),
    ("-h, --help", "Say what a command does, and exit."),
)
FILES = (
    (
        "config/wamon.yaml, /etc/wamon/wamon.yaml",
        "The config: the first there is; $WAMON_CONFIG and --config come before.",
    ),
    ("~/.local/state/wamon, /var/lib/wamon", "State without a config: as a user, as root."),
)


@dataclass(frozen=True)
class Command:
    """One command, as a page tells of it."""

    name: str  # as it is typed, without `wamon`
    usage: str
    prose: tuple[str, ...]  # paragraphs
    examples: str
    options: tuple[tuple[str, str], ...]

    @property
    def sentence(self) -> str:
        return self.prose[0] if self.prose else ""


def commands() -> Iterator[tuple[str, list[Command]]]:
    """Each block with its commands, a group before those in it."""
    root: Any = typer.main.get_command(app)
    for title, names in BLOCKS.items():
        yield title, [one for name in names for one in within(root.commands[name], name)]


def within(command: Any, name: str) -> Iterator[Command]:
    yield described(command, name)
    for inner, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from within(one, f"{name} {inner}")


def described(command: Any, name: str) -> Command:
    context = typer.Context(command, info_name=f"wamon {name}")
    prose, _, examples = (command.help or "").partition("\b")
    paragraphs = tuple(" ".join(one.split()) for one in prose.strip().split("\n\n"))
    lines = "\n".join(line.strip() for line in examples.strip().splitlines())
    records = (record for one in command.params if (record := one.get_help_record(context)))
    options = tuple(
        (left, " ".join(right.split())) for left, right in records if re.split("[ ,]", left)[0] not in EVERYWHERE
    )
    return Command(name, f"wamon {name} {' '.join(command.collect_usage_pieces(context))}", paragraphs, lines, options)


def page() -> str:
    """The command reference, as Markdown."""
    parts = [
        "# Commands\n",
        "Made from the commands' own help by `python -m tests.support.command_pages`. `--config FILE`, `--json`, `-q`",
        "and `-v` work before and after each command's name. Quiet (`-q`), a command shows no progress, and `scan`,",
        "`replay` and `verify` print nothing where all went well; daemons log warnings and errors alone. Verbose",
        "(`-v`), it also says what is done, and twice (`-vv`) in detail; daemons log what they log for debugging.\n",
    ]
    for title, block in commands():
        parts.append(f"## {title}\n")
        for one in block:
            parts += [f"### wamon {one.name}\n", *(f"{each}\n" for each in one.prose), f"```text\n{one.usage}\n```\n"]
            if one.options:
                rows = "\n".join(f"| `{cell(left)}` | {cell(right)} |" for left, right in one.options)
                parts.append(f"| option | does |\n|---|---|\n{rows}\n")
            if one.examples:
                parts.append(f"```sh\n{one.examples}\n```\n")
    return "\n".join(parts).rstrip() + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def manual() -> str:
    """The same as a page of man."""
    parts = [
        '.TH WAMON 1 "" "wamon" "User Commands"',
        ".SH NAME",
        "wamon \\- record every drop posted in WhatsApp groups, once, and prove it",
    ]
    parts += [".SH SYNOPSIS", ".B wamon", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]...", ".SH OPTIONS"]
    parts += [line for left, right in OPTIONS for line in (".TP", f"\\fB{roff(left)}\\fR", roff(right))]
    for title, block in commands():
        parts.append(f'.SH "{title.upper()}"')
        for one in block:
            parts += [f'.SS "{roff(one.usage)}"', *(line for each in one.prose for line in (".PP", roff(each)))]
            for left, right in one.options:
                parts += [".TP", f"\\fB{roff(left)}\\fR", roff(right)]
            if one.examples:
                parts += [".PP", ".nf", roff(one.examples), ".fi"]
    parts.append('.SH "EXIT STATUS"')
    parts += [line for code, means in EXITS for line in (".TP", f"\\fB{code}\\fR", roff(means))]
    parts.append(".SH FILES")
    parts += [line for name, means in FILES for line in (".TP", f"\\fI{roff(name)}\\fR", roff(means))]
    return "\n".join(parts) + "\n"


def roff(text: str) -> str:
    """Text that roff shows as it is: no backslash, dash or line of it is an instruction."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return re.sub(r"^([.'])", r"\\&\1", plain, flags=re.MULTILINE)


def main() -> None:
    PAGE.write_text(page(), "utf-8")
    MANUAL.write_text(manual(), "utf-8")


if __name__ == "__main__":
    main()
