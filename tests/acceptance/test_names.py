"""docs/names.md by doing: each check of its tables holds against an installation that works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.conftest import write_store
from tests.support.installation import Installation, installation

ROOT = Path(__file__).parents[2]
_CELL = re.compile(r" (?<!\\)\| ")


class Name(NamedTuple):
    """A row: a name that people know, of which kind, what it became, and how that is checked."""

    name: str
    kind: str
    wamon: str
    check: str


def names() -> list[Name]:
    """All rows of the page."""
    lines = re.findall(r"^\| (.*) \|$", (ROOT / "docs/names.md").read_text("utf-8"), re.MULTILINE)
    cells = [_CELL.split(line) for line in lines]
    assert {len(row) for row in cells} == {4}
    return [Name(*row) for row in cells if row[0] != "earlier name"]


NAMES = names()


def checked_by(kind: str) -> list[Name]:
    return [name for name in NAMES if name.check.startswith(f"{kind}:")]


def check(name: Name) -> str:
    return name.check.partition(": ")[2].replace("\\|", "|")


@pytest.fixture(scope="module")
def live(_embedded_18: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("names")
    with installation(folder, _embedded_18, write_store(folder / "messages.db")) as one:
        yield one


def test_every_row_says_how_it_is_checked() -> None:
    assert {name.check.partition(":")[0] for name in NAMES} == {"sql", "cols", "sh", "log", "doc", "none"}
    assert len({name[:3] for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", checked_by("sql"), ids=lambda name: name.name)
def test_a_statement_is_run_and_true(live: Installation, name: Name) -> None:
    done = live.psql(check(name))
    assert done.returncode == 0, done.stderr
    compares = re.search(r" (?:>?=|IS NOT NULL)|bool_and", check(name))
    assert not compares or done.stdout.strip() == "t"


@pytest.mark.parametrize("name", checked_by("cols"), ids=lambda name: name.name)
def test_a_relation_has_its_columns_in_their_order(live: Installation, name: Name) -> None:
    found = live.office.query(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'wamon' AND table_name = %s "
        "ORDER BY ordinal_position",
        name.name,
    )
    assert ", ".join(found) == check(name)


@pytest.mark.parametrize("name", checked_by("sh"), ids=lambda name: name.name)
def test_a_command_ends_well(live: Installation, name: Name) -> None:
    done = live.sh(check(name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", checked_by("log"), ids=lambda name: name.name)
def test_a_line_is_logged_word_by_word(live: Installation, name: Name) -> None:
    pattern = ".+".join(re.escape(part) for part in re.split(r"\{\w+\}", name.wamon))
    assert any(level == check(name) and re.fullmatch(pattern, message) for level, message in live.log())


@pytest.mark.parametrize("name", checked_by("doc"), ids=lambda name: name.name)
def test_a_page_has_its_heading(name: Name) -> None:
    page, _, heading = check(name).partition(" ")
    assert f"\n## {heading.strip(chr(34))}\n" in (ROOT / page).read_text("utf-8")


def test_the_log_quotes_nobody(live: Installation) -> None:
    told = "\n".join(message for _, message in live.log())
    assert "2782000" not in told
    for words in ("anybody there?", "and now?", "never mind", "We come at nine."):
        assert words not in told
