"""One clock a process, made at its root and handed in; and tests that hold on any day, at any hour."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST_TIME = re.compile(
    r"datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today|email\.utils\.(formatdate|localtime)"
    r"|time\.(time|time_ns|localtime|gmtime|ctime|asctime|strftime|CLOCK_REALTIME)"
)
CLOCK = "wamon.clock.Clock"
TELLS_A_MOMENT = {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}
"""With so many arguments these put a moment that they are handed into words or parts."""
DATE = re.compile(
    r"\b20\d\d-(0[1-9]|1[0-2])(-\d\d)?\b|\b20\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])T\d\d|\b\d\d?[./]\d\d?[./]20\d\d\b"
)
EPOCH = range(1_500_000_000, 2_500_000_000)


MAY_ASK = re.compile(
    r"(?<!CLOCK)(?<!HOST)(?<!clock)\.(now|utcnow|today)\b|\b(time\.)?(time_ns|localtime|gmtime|[ca]sctime|strftime)\b"
    r"|\bimport time\b|\bfrom time\b|formatdate|CLOCK_REALTIME|\bClock\("
)
MAY_NAME_A_DATE = re.compile(r"\b(20\d\d|1[5-9]\d{8})|\b1_[5-9]\d\d_\d{3}_")


@functools.cache
def texts(folder: str) -> Sequence[tuple[str, str]]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in paths]


def sources(folder: str, where: re.Pattern[str]) -> Iterator[tuple[str, ast.Module]]:
    """Those that may hold what is looked for: to parse and walk all took seconds."""
    return ((path, ast.parse(text)) for path, text in texts(folder) if where.search(text))


def asks_the_host(tree: ast.Module) -> list[int]:
    """Where the host is asked for the time, or what asks it is handed on, or a clock is made that asks it."""
    names = imported(tree)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name, call = named(node, names), calls.get(id(node))
            if (name == CLOCK and call) or (HOST_TIME.fullmatch(name) and not tells_a_moment(name, call)):
                found.add(node.lineno)
    return sorted(found)


def tells_a_moment(name: str, call: ast.Call | None) -> bool:
    return call is not None and len(call.args) == TELLS_A_MOMENT.get(name.rpartition(".")[2])


def imported(tree: ast.Module) -> dict[str, str]:
    """What the names mean that a file imports, however it calls them."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.asname or one.name: one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def named(expression: ast.expr, names: Mapping[str, str]) -> str:
    """The dotted name of what is meant; nothing where it has none."""
    if isinstance(expression, ast.Attribute):
        return f"{named(expression.value, names)}.{expression.attr}"
    return names.get(expression.id, expression.id) if isinstance(expression, ast.Name) else ""


def dates(tree: ast.Module) -> list[int]:
    """Where a day or a month of a year is named: as a text, as a `date`, as seconds since 1970, or by `replace`."""
    names = imported(tree)
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and is_date(node, names)]


def is_date(node: ast.expr, names: Mapping[str, str]) -> bool:
    if isinstance(node, ast.Constant):
        value = node.value
        return DATE.search(value) is not None if isinstance(value, str) else type(value) is int and value in EPOCH
    if not isinstance(node, ast.Call):
        return False
    name = named(node.func, names)
    is_made = name in {"datetime.date", "datetime.datetime"} or name.endswith(".fromisocalendar")
    year = [node.args[0]] if is_made and node.args else []
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


def test_no_unit_test_that_fixes_a_date_starts_a_process_or_asks_a_server() -> None:
    """Those go by the host's clock."""
    goes_by_it = re.compile(r"\b(subprocess|open_office|dsn|any_dsn)\b")
    fixing = {path for path, tree in sources("tests/unit", MAY_NAME_A_DATE) if dates(tree)}
    asked = {
        path: {one.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for one in node.args}
        | set(imported(tree))
        for path, tree in sources("tests/unit", goes_by_it)
    }
    assert [path for path, names in asked.items() if path in fixing and any(map(goes_by_it.fullmatch, names))] == []


IMPORTS = """
import datetime as d, time as t, datetime, time
from datetime import date as D, datetime as dt
from email.utils import formatdate
from time import gmtime, time as seconds
from wamon.clock import Clock as C
"""


def test_whoever_asks_the_host_is_found_under_any_name() -> None:
    said = ["dt.now(UTC)", "d.datetime.utcnow()", "datetime.datetime.today()", "D.today()", "seconds()", "t.time()"]
    said += [
        "time.time_ns()",
        "gmtime()",
        "t.strftime('%Y')",
        "t.clock_gettime(t.CLOCK_REALTIME)",
        "C()",
        "formatdate()",
    ]
    said += ["field(default_factory=dt.now)", "ask = t.time", "def f(now=d.datetime.now): return now()"]
    assert [text for text in said if not asks_the_host(ast.parse(IMPORTS + text))] == []
    said = [
        "clock.now()",
        "t.localtime(at)",
        "gmtime(at)",
        "t.strftime('%Y', at)",
        "t.monotonic()",
        "class A(C): pass",
        "t.clock_gettime(t.CLOCK_BOOTTIME)",
    ]
    assert [text for text in said if asks_the_host(ast.parse(IMPORTS + text))] == []


def test_a_fixed_date_is_found_in_each_of_its_forms() -> None:
    said = ['"2026-11-20"', '"at 2026-11-20T06:00"', "D(2026, 1, 2)", "datetime.datetime(2026, 1, 2)", '"29/11/2026"']
    said += ["at.replace(year=2025)", "dt(year=2026, month=1, day=2)", 'f"{jid} 2026-11-20"', '"20261129T060000"']
    said += ["dt.fromtimestamp(1764403200)", "1_764_403_200", "D.fromisocalendar(2026, 48, 1)", "d.date(2026, 1, 2)"]
    assert [text for text in said if not dates(ast.parse(IMPORTS + text))] == []
    assert not dates(ast.parse('at.replace(hour=3); date.fromisoformat(day); "2026-13-01"; "DR2026-1"; 1234567890'))
