"""The pages for people say what is so: names that exist, codes that hold, lengths that somebody reads to the end."""

from __future__ import annotations

import os
import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from wamon import errors
from wamon.capture import verify
from wamon.cli.main import command as made

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "state/README.md")
MOST_LINES = {"README.md": 149, "ARCHITECTURE.md": 170, "CONTRIBUTING.md": 75, "SECURITY.md": 20}

LEFT_OUT = {"__pycache__", "dist", "build", "node_modules"}
BUILD_MACHINE = re.compile(r"/(?:[w]ork|[r]oot/\.\w+|[b]uilds)/")
REGISTRY = re.compile(r"https?://\S+/(?:simple|packages)\b|[p]ypi\.|[p]ythonhosted|[f]ile:///")
SOUTH_AFRICAN = re.compile(r"(?<![\w.])(?:(?:\+|00)?27[ -]?|0)([6-8]\d(?:[ -]?\d){7})(?![\w.])")
NOBODYS = re.compile(r"82000|\d*12345")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def section(name: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page(name), re.DOTALL | re.MULTILINE)
    assert found, f"{name} has no section {heading}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a section's tables, without their headings."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    rules = [n for n, row in enumerate(cells) if set("".join(row)) <= set("-| ")]
    return [row for n, row in enumerate(cells) if n not in rules and n + 1 not in rules]


def said_in_code(text: str) -> list[str]:
    """What stands in backquotes, on a line or in a block."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [*blocks, *spans]


def command(words: list[str]) -> str | None:
    """The first of the words that names no command, as far as they name one."""
    at: Any = made()
    for word in words:
        inner = getattr(at, "commands", None)  # a group's
        if inner is None:
            return None
        if word not in inner:
            return word
        at = inner[word]
    return None


def ours() -> list[Path]:
    """Every file of the project, and nothing that tools left beside them."""
    files = []
    for folder, folders, names in os.walk(ROOT):
        inner = [name for name in folders if name not in LEFT_OUT and (name[0] != "." or name == ".ci")]
        folders[:] = [name for name in inner if not name.endswith(".egg-info")]
        files += [
            Path(folder, name)
            for name in names
            if name != ".git" and not (folder == str(ROOT / "state") and name != "README.md")
        ]
    return [file for file in files if file != ROOT / ".git"]  # a file, where the work tree is not the first


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short_enough_to_be_read(name: str) -> None:
    assert 0 < len(page(name).splitlines()) <= MOST_LINES.get(name, 1000)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_files_that_exist(name: str) -> None:
    """Also what it links to. Names without a folder are other people's, or stand in the picture; a <name> is any."""
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    paths = rf"(?<![\w/.])(?:{folders})/[\w./]*(?![\w./<])"
    named = {word for said in said_in_code(page(name)) for word in re.findall(paths, said)}
    named |= set(re.findall(r"\]\((?!https?:)([^)#]+)", page(name)))
    places = [ROOT, (ROOT / name).parent]
    runtime = {"state/", "postgres/"}
    assert [word for word in sorted(named - runtime) if not any((place / word).exists() for place in places)] == []


def links(path: Path) -> list[tuple[str, str]]:
    """The file and heading to which each link of a page leads within the project."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?://", target)]
    return [(file or path.name, heading) for file, _, heading in (target.partition("#") for target in targets)]


def headings(path: Path) -> set[str]:
    """As a link names them."""
    found = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found}


@pytest.mark.parametrize("path", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")}), ids=lambda path: path.name)
def test_each_link_of_a_page_leads_somewhere(path: Path) -> None:
    for file, heading in links(path):
        target = path.parent / file
        assert target.exists(), f"{path.name} links to {file}"
        assert not heading or heading in headings(target), f"{path.name} links to {file}#{heading}"


def test_each_page_of_docs_is_reached_from_the_readme() -> None:
    linked = {file for file, _ in links(ROOT / "README.md")}
    assert {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")} - linked == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_commands_that_exist(name: str) -> None:
    text = "\n".join(said_in_code(page(name)))
    lines = re.findall(r"(?:^|[\s/(])wamon((?: (?!-)[a-z]+)+)", text, re.MULTILINE)
    assert [words for words in lines if command(words.split())] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_make_targets_that_exist(name: str) -> None:
    text = "\n".join(said_in_code(page(name)))
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|\s)make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_the_readme_lists_every_errors_exit_code() -> None:
    by_code = defaultdict(set)
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.WamonError):
            by_code[str(kind.exit_code)].add(name)
    table = next(part for part in section("README.md", "When something is wrong").split("\n\n") if "| code |" in part)
    listed = {code: set(re.findall(r"`(\w+)`", named)) for code, _, named in rows(table)}
    assert listed == {"0": set(), **by_code}


def layers() -> list[str]:
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract["type"] == "layers")


def test_the_architecture_draws_the_layers_that_the_linter_holds() -> None:
    drawn = re.search(r"```layers\n(.*?)```", page("ARCHITECTURE.md"), re.DOTALL)
    assert drawn
    assert drawn[1].splitlines() == layers()


def test_the_architecture_has_a_row_for_every_room() -> None:
    named = set(re.findall(r"`wamon/(\w+)(?:\.py|/)`", section("ARCHITECTURE.md", "The house")))
    assert named == {room for layer in layers() for room in layer.split(" | ")} - {"__main__"}


def test_the_walk_of_a_message_names_functions_where_they_are() -> None:
    walk = rows(section("ARCHITECTURE.md", "The walk of one message"))
    assert walk
    for _, file, function in walk:
        assert f"def {function.strip('`')}(" in page(file.strip("`")), f"{file} has no {function}"


def test_the_promises_are_numbered_as_verify_numbers_them() -> None:
    numbers = [int(row[0]) for row in rows(section("ARCHITECTURE.md", "Promises"))]
    assert numbers == list(range(1, 12))
    assert verify.IN_WORDS.keys() <= set(numbers)


def test_whoever_adds_a_thing_is_led_to_where_its_like_stands() -> None:
    """A <name> stands for any: something of that form must be there already."""
    for what, files in rows(section("CONTRIBUTING.md", "Where things go")):
        for place in re.findall(r"`([\w./<>]+)`", files):
            pattern = re.sub(r"<\w+>", "*", place)
            assert any(ROOT.glob(pattern)), f"{what}: there is no {place}"


def test_the_project_names_no_registry_and_no_machine() -> None:
    """A checkout installs from wherever its user's pip does."""
    found = []
    for path in ours():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path}: {match[0]}" for pattern in (REGISTRY, BUILD_MACHINE) for match in pattern.finditer(text)]
    assert found == []


def test_the_project_names_nobodys_phone_number() -> None:
    """Made-up ones begin with 2782000, or count up."""
    found = [
        f"{path}: {number[0]}"
        for path in ours()
        for number in SOUTH_AFRICAN.finditer(path.read_bytes().decode("utf-8", "replace"))
        if not NOBODYS.match(re.sub(r"\D", "", number[1]))
    ]
    assert found == []


@pytest.mark.parametrize(("file", "group"), [("requirements.txt", "dev"), ("bench/requirements.txt", "bench")])
def test_the_lock_holds_every_package_by_its_hashes(file: str, group: str) -> None:
    """And what pyproject.toml asks for is in it."""
    lock = page(file)
    hashes = r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    pinned = re.findall(rf"^([\w.-]+)==\S+(?: ; [^\\]+)? \\\n{hashes}", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\w", lock, re.MULTILINE))
    asked = tomllib.loads(page("pyproject.toml"))
    wanted = list(asked["dependency-groups"][group])
    if group == "dev":
        wanted += [*asked["project"]["dependencies"], *asked["build-system"]["requires"]]
    assert {re.split(r"[<>=\[ ]", one)[0].lower() for one in wanted} <= set(pinned)
    assert not re.search(r"https?:|/", lock)
