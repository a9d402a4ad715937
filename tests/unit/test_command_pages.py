"""The command reference and the manual page are what the commands say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.command_pages import EXITS, MANUAL, PAGE, manual, page

README = Path(__file__).parents[2] / "README.md"


def test_the_command_reference_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.support.command_pages"


def test_the_manual_page_is_what_the_commands_say() -> None:
    assert MANUAL.read_text("utf-8") == manual(), "run: python -m tests.support.command_pages"


def test_no_line_of_the_manual_page_is_an_instruction_by_accident() -> None:
    known = {"TH", "SH", "SS", "PP", "TP", "B", "nf", "fi"}
    asked = re.findall(r"^\.(\w*)", manual(), re.MULTILINE)
    assert set(asked) == known


def test_the_manual_page_has_the_exit_codes_of_the_readme() -> None:
    rows = re.findall(r"^\| (\d+) \|", README.read_text("utf-8"), re.MULTILINE)
    assert [code for code, _ in EXITS] == [int(code) for code in rows]
