"""Problems as lines for people: `file:line:column: groups[1].jid: what is wrong and what is expected`."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from wamon.config.document import Document, Mark, Place, Problem, Steps
from wamon.config.schema import home_of, known_keys

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError

MOST = 100

_PERSONS = ("conversations", "missed_after_for")

_EXPECTED = {
    "missing": "is missing or empty",
    "model_type": "should be a mapping: indented lines such as `key: value`",
    "dataclass_type": "should be a mapping: indented lines such as `key: value`",
    "dict_type": "should be a mapping: indented lines such as `key: value`",
    "tuple_type": "should be a list: lines that begin with `- `",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}


def of_validation(error: ValidationError) -> list[Problem]:
    """Return what pydantic found, in our words and without the values."""
    return [_problem(dict(found)) for found in error.errors(include_url=False, include_input=False)]


def _problem(found: dict[str, Any]) -> Problem:
    steps: Steps = found["loc"]
    if found["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return Problem(steps, "", at_key=True)  # said when it is shown: a guess costs time
    if found["type"] == "value_error":
        return Problem(steps, " ".join(str(found["ctx"]["error"]).split()))
    if found["type"] == "literal_error":
        return Problem(steps, f"should be {found['ctx']['expected'].replace(chr(39), '')}")
    return Problem(steps, _EXPECTED.get(found["type"], "can't be used"))


def lines(document: Document, problems: list[Problem], file: Path | None) -> list[str]:
    """Return a line for each problem, in the file's order, one for a place."""
    ordered = sorted(_distinct(document, problems), key=lambda problem: _order(_mark(document, problem)))
    shown = [_line(document, problem, file) for problem in ordered[:MOST]]
    rest = len(ordered) - len(shown)
    return [*shown, f"{file}: and {rest:,} more"] if rest else shown


def _distinct(document: Document, problems: list[Problem]) -> list[Problem]:
    """Leave out what follows from another problem at the same place, such as the type of what couldn't be filled."""
    marked = {problem.mark: problem for problem in reversed(problems) if problem.mark}
    first: dict[Steps, Problem] = {}
    for problem in problems:
        if not problem.mark and (problem.at_key or _mark(document, problem) not in marked):
            first.setdefault(problem.steps, problem)
    return [*marked.values(), *first.values()]


def _order(mark: Mark) -> tuple[int, int]:
    return (0, 0) if isinstance(mark, str) else mark


def _line(document: Document, problem: Problem, file: Path | None) -> str:
    mark = _mark(document, problem)
    where = mark if isinstance(mark, str) else f"{file or 'the defaults'}:{mark[0]}:{mark[1]}"
    what = (problem.what or _unknown(problem.steps)) + _source(document.places.get(problem.steps))
    way = _way(document, problem.steps)
    return f"{where}: {way}: {what}" if way else f"{where}: {what}"


def _mark(document: Document, problem: Problem) -> Mark:
    if problem.mark:
        return problem.mark
    place = _nearest(document, problem.steps)
    return place.key if problem.at_key else place.value


def _nearest(document: Document, steps: Steps) -> Place:
    """Return the place of a value, or of the mapping that lacks it."""
    for length in range(len(steps), -1, -1):
        if place := document.places.get(steps[:length]):
            return place
    return Place((1, 1), (1, 1), "")


def _source(place: Place | None) -> str:
    return (
        f" (the value comes from {', '.join(f'${name}' for name in place.variables)})"
        if place and place.variables
        else ""
    )


def _way(document: Document, steps: Steps) -> str:
    names = [_written(document, steps[: length + 1]) for length in range(len(steps))]
    return "".join(names).removeprefix(".")


def _written(document: Document, steps: Steps) -> str:
    if steps[:2] == _PERSONS and len(steps) > len(_PERSONS):
        return ".?"  # the key is somebody's number
    place = document.places.get(steps)
    name = place.name if place else steps[-1]
    return f"[{name}]" if isinstance(name, int) else f".{_shown(name)}"


def _shown(key: str) -> str:
    """A key as it may be shown: in `{postgresql://user:password@host}` the password is a part of a key."""
    return key if re.fullmatch(r"[\w. -]{1,60}", key) else "?"


def _unknown(steps: Steps) -> str:
    key = str(steps[-1])
    known = known_keys(steps[:-1])
    near = difflib.get_close_matches(key[:60], known, n=1)
    if near:
        return f"unknown key; did you mean '{near[0]}'?"
    home = home_of(key)
    if home and steps[:-1] != (home,):
        return f"unknown key here; it belongs under '{home}:'"
    return f"unknown key; known are {', '.join(known)}"
