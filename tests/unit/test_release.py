"""What a release says of itself: one version, and a changelog that knows it."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

from wamon import __version__

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
HEADINGS = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def released() -> list[tuple[list[int], date]]:
    """Versions and their days, as the changelog has them."""
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in HEADINGS[1:]]
    return [(numbers(one[1]), date.fromisoformat(one[2])) for one in found if one]


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "wamon/__init__.py"


def test_the_changelog_begins_with_what_is_not_released_and_then_this_version() -> None:
    assert HEADINGS[0] == "[Unreleased]"
    assert released()[0][0] == numbers(__version__)


def test_each_heading_of_the_changelog_is_a_version_with_its_day_the_newest_first() -> None:
    assert len(released()) == len(HEADINGS) - 1
    assert released() == sorted(released(), reverse=True)
    assert [day for _, day in released()] == sorted((day for _, day in released()), reverse=True)
