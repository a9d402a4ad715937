"""One clock a process, made at its root and handed in; and tests that hold on any day, at any hour."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST_TIME = re.compile(
    r"(datetime\.)*datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns|localtime|ctime)|Clock"
)
DATE = re.compile(r"\b20\d\d-(0[1-9]|1[0-2])(-\d\d)?\b")


MAY_ASK = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|localtime|ctime)|Clock)\(")
MAY_NAME_A_DATE = re.compile(r"\b20\d\d\b")


@functools.cache
def texts(folder: str) -> Sequence[tuple[str, str]]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in paths]


def sources(folder: str, where: re.Pattern[str]) -> Iterator[tuple[str, ast.Module]]:
    """Those that may hold what is looked for: to parse and walk all took seconds."""
    return ((path, ast.parse(text)) for path, text in texts(folder) if where.search(text))


def asks_the_host(tree: ast.Module) -> list[int]:
    """Where the host is asked for the time, or a clock is made that asks it."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if HOST_TIME.fullmatch(named(call.func)) and not tells_a_moment(call)]


def tells_a_moment(call: ast.Call) -> bool:
    """Whether it puts a moment that it is handed into words or parts."""
    return named(call.func) in {"time.localtime", "time.ctime"} and bool(call.args)


def named(function: ast.expr) -> str:
    """The dotted name of what is called; nothing where it has none."""
    if isinstance(function, ast.Attribute):
        return f"{named(function.value)}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def dates(tree: ast.Module) -> list[int]:
    """Where a day or a month of a year is named: as a text, as a `date`, or by `replace`."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and is_date(node)]


def is_date(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and DATE.search(node.value) is not None
    if not isinstance(node, ast.Call):
        return False
    name = named(node.func).rpartition(".")[2]
    year = [node.args[0]] if name in {"date", "datetime"} and node.args else []
    year += [one.value for one in node.keywords if one.arg == "year"]
    return any(isinstance(one, ast.Constant) for one in year)


def test_the_clock_is_made_at_the_root_alone() -> None:
    found = {path for path, tree in sources("wamon", MAY_ASK) if asks_the_host(tree)}
    assert found == {"wamon/__main__.py", "wamon/clock.py"}


def test_no_test_asks_the_host_for_the_time() -> None:
    found = {f"{path}:{line}" for path, tree in sources("tests", MAY_ASK) for line in asks_the_host(tree)}
    assert {place.partition(":")[0] for place in found} == {"tests/support/clock.py"}, found


def test_no_test_that_works_with_a_server_or_a_process_fixes_a_date() -> None:
    found = [f"{path}:{line}" for path, tree in sources("tests", MAY_NAME_A_DATE) for line in dates(tree)]
    assert [place for place in found if not place.startswith("tests/unit/")] == []


def test_a_fixed_date_is_found_in_each_of_its_forms() -> None:
    said = ['"2026-11-20"', '"at 2026-11-20T06:00"', "date(2026, 1, 2)", "datetime.datetime(2026, 1, 2)"]
    said += ["at.replace(year=2025)", "datetime(year=2026, month=1, day=2)", 'f"{jid} 2026-11-20"']
    assert [text for text in said if not dates(ast.parse(text))] == []
    assert not dates(ast.parse('at.replace(hour=3); date.fromisoformat(day); "2026-13-01"; "DR2026-1"'))
    said = ["datetime.now(UTC)", "clock.now()", "time.time()", "Clock()", "time.localtime()", "time.localtime(seconds)"]
    assert asks_the_host(ast.parse("\n".join(said))) == [1, 3, 4, 5]
