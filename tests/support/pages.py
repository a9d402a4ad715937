"""What pages of commands say: blocks of commands that tests follow, and what each prints in essence."""

from __future__ import annotations

import re
from typing import NamedTuple


class Step(NamedTuple):
    """A command of the page, and what the page says that it prints."""

    command: str
    said: str


Sections = dict[str, list[list[Step]]]
"""The steps of each block of commands, by heading."""


def sections(page: str) -> Sections:
    found = re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return {heading: [steps(block) for block in blocks(text)] for heading, text in found}


def blocks(text: str) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def beside(page: str) -> list[str]:
    """The commands that stand in the text, on their own."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE))
    return [span for span in dict.fromkeys(spans) if span.startswith("wamon ")]


def steps(block: str) -> list[Step]:
    return [Step(*found) for found in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


def pattern(said: str) -> str:
    """What a command prints in essence: any numbers for the page's, any lines for its `…`."""
    text = re.sub(r"(?:\\[ \n])+", r"\\s+", re.escape(said.strip()))
    text = re.sub("─+", "─+", text)  # a table's rule is as long as its cells
    return re.sub(r"\d(?:[\d,]|\\\.(?=\d))*", r"[\\d,.]+", text).replace("…", ".*")
