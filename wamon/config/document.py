"""A YAML text as plain data, with the place of everything in it. Nothing is executed, nothing grows without bound."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import yaml
from yaml.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_BYTES = 4_000_000
MAX_DEPTH = 20
MAX_VALUES = 250_000
"""Room for some twenty thousand groups; an alias bomb reaches it in a second."""

LOADER = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
"""It composes only: what a scalar means is decided here, what a tag would build is never built."""

Steps = tuple[str | int, ...]
"""The way to a value: ("groups", 1, "jid")."""

Mark = tuple[int, int] | str
"""Line and column, counted from 1; or the name of the variable that set the value."""


class Problem(NamedTuple):
    """What is wrong with the value at `steps`. Never the value itself: it may be a secret."""

    steps: Steps
    what: str
    mark: Mark | None = None  # None: where the value stands
    at_key: bool = False


class Place(NamedTuple):
    """Where a value and its key stand, the key as written, and the variables that filled the value."""

    value: Mark
    key: Mark
    name: str | int
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """Plain data, the place of each value in it, and what was wrong so far."""

    data: dict[str, object] = field(default_factory=dict)
    places: dict[Steps, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class BrokenError(Exception):
    """The text can't be read to its end."""

    def __init__(self, mark: Mark, what: str) -> None:
        super().__init__(what)
        self.problem = Problem((), what, mark)


def read(raw: bytes, environ: Mapping[str, str], rename: Callable[[Steps, str], str]) -> Document:
    """Return the document in `raw`, variables filled, keys renamed; raise BrokenError where it can't be read."""
    text = _decoded(raw)
    problems = _guarded(text)
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        raise _broken(error, text) from None
    builder = _Builder(environ, rename, problems)
    return builder.document(root)


def _decoded(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise BrokenError((1, 1), f"is longer than {MAX_BYTES:,} bytes: that is no config")
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix("\ufeff")
        raise BrokenError(_end(before), "is not UTF-8 from here on: save the file as UTF-8") from None
    if found := Reader.NON_PRINTABLE.search(text):
        what = f"a control character (U+{ord(found[0]):04X}): remove it"
        raise BrokenError(_end(text[: found.start()]), what)
    return text


def _end(text: str) -> Mark:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _guarded(text: str) -> list[Problem]:
    """Look at the flat events first: the composer's recursion has no limit of its own, and it would obey tags."""
    problems, depth = [], 0
    for event in _events(text):
        if getattr(event, "tag", None) is not None:
            what = "a YAML tag (!…) is refused: remove it, or put the text in quotes if the ! belongs to it"
            problems.append(Problem((), what, _mark(event.start_mark)))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise BrokenError(_mark(event.start_mark), f"is nested deeper than {MAX_DEPTH} levels")
    return problems


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        raise _broken(error, text) from None
    except ValueError:  # PyYAML without libyaml, on an escape such as "\U0011FFFF"
        raise BrokenError((1, 1), "an escape (\\U…) in this file names no character") from None


class _Mark(Protocol):
    """A mark of either parser, counted from 0."""

    line: int
    column: int


def _mark(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _broken(error: yaml.MarkedYAMLError, text: str) -> BrokenError:
    line, column = _mark(error.problem_mark or error.context_mark)
    return BrokenError((line, column), f"is not YAML: {_syntax(error, text, line, column)}")


def _syntax(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    """Say it in words that carry nothing of the text: `*hunter2` may be a password."""
    words = f"{error.context or ''} {error.problem or ''}"
    if "undefined alias" in words:
        return "an alias (*…) that no anchor (&…) names; put the text in quotes if the * belongs to it"
    if "duplicate anchor" in words:
        return "an anchor (&…) that already has its place; put the text in quotes if the & belongs to it"
    if "another document" in words:
        return "a second document (---) begins here; a config is one"
    if _character(text, line, column) == "\t":
        return "a tab; indent with spaces"
    if _character(text, line, column - 1) == "$":
        return "${NAME} inside {…} or […] needs quotes around it"
    return f"{error.problem}{_begun(error, line)}"


def _character(text: str, line: int, column: int) -> str:
    lines = text.split("\n", line)
    return lines[line - 1][column - 1 : column] if line <= len(lines) and column else ""


def _begun(error: yaml.MarkedYAMLError, line: int) -> str:
    begun, _ = _mark(error.context_mark)
    return f" ({error.context}, begun in line {begun})" if error.context_mark and begun != line else ""


class _Scalar(NamedTuple):
    value: object
    variables: tuple[str, ...] = ()
    problem: str = ""


class _Builder:
    """Walks the composed nodes once, counting every visit: aliases make few nodes into many values."""

    def __init__(
        self, environ: Mapping[str, str], rename: Callable[[Steps, str], str], problems: list[Problem]
    ) -> None:
        self._environ = environ
        self._rename = rename
        self._problems = problems
        self._places: dict[Steps, Place] = {}
        self._scalars: dict[int, _Scalar] = {}
        self._visits = 0

    def document(self, root: yaml.Node | None) -> Document:
        if root is None:
            return Document(problems=self._problems)
        place = _mark(root.start_mark)
        self._places[()] = Place(place, place, "")
        data = self._value(root, (), 0)
        if isinstance(data, dict):
            return Document(data, self._places, self._problems)
        if data is not None:
            self._problems.append(Problem((), "the file should be a mapping: lines such as `timezone: …`", place))
        return Document({}, self._places, self._problems)

    def _value(self, node: yaml.Node, steps: Steps, depth: int) -> object:
        self._count(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*steps, index), depth) for index, item in enumerate(node.value)]
        return self._scalar(node, steps)

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._visits += 1
        if depth > MAX_DEPTH:
            raise BrokenError(_mark(node.start_mark), f"with its aliases, is nested deeper than {MAX_DEPTH} levels")
        if self._visits > MAX_VALUES:
            raise BrokenError(_mark(node.start_mark), f"with its aliases, the file has over {MAX_VALUES:,} values")

    def _item(self, node: yaml.Node, steps: Steps, depth: int) -> object:
        place = _mark(node.start_mark)
        self._places[steps] = Place(place, place, steps[-1])
        return self._value(node, steps, depth + 1)

    def _mapping(self, node: yaml.MappingNode, steps: Steps, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            if not _is_merge(key):
                self._pair(found, key, value, steps, depth)
        for key, value in node.value:
            if _is_merge(key):
                self._merge(found, value, steps, depth)
        return found

    def _pair(self, found: dict[str, object], key: yaml.Node, value: yaml.Node, steps: Steps, depth: int) -> None:
        self._count(key, depth)
        if not isinstance(key, yaml.ScalarNode):
            self._problems.append(Problem(steps, "a key should be a plain word", _mark(key.start_mark)))
            return
        name = self._rename(steps, key.value)
        if name in found:
            self._problems.append(self._twice((*steps, name), key))
            return
        here = (*steps, name)
        self._places[here] = Place(_mark(value.start_mark), _mark(key.start_mark), key.value)
        found[name] = self._value(value, here, depth + 1)

    def _twice(self, steps: Steps, key: yaml.ScalarNode) -> Problem:
        first = self._places[steps]
        line = first.key[0]
        if first.name == key.value:
            return Problem(steps, f"stands twice; the first is in line {line}", _mark(key.start_mark))
        what = f"`{key.value}` and `{first.name}` (line {line}) mean the same: keep one"
        return Problem(steps, what, _mark(key.start_mark))

    def _merge(self, found: dict[str, object], source: yaml.Node, steps: Steps, depth: int) -> None:
        """Add what `<<` names, where the mapping doesn't say it itself."""
        self._count(source, depth)
        if isinstance(source, yaml.SequenceNode):
            for each in source.value:
                self._merge(found, each, steps, depth + 1)
        elif isinstance(source, yaml.MappingNode):
            self._merge_mapping(found, source, steps, depth)
        else:
            self._problems.append(Problem(steps, "`<<` should name a mapping", _mark(source.start_mark)))

    def _merge_mapping(self, found: dict[str, object], source: yaml.MappingNode, steps: Steps, depth: int) -> None:
        for key, value in source.value:
            if _is_merge(key):
                self._merge(found, value, steps, depth + 1)
            elif not (isinstance(key, yaml.ScalarNode) and self._rename(steps, key.value) in found):
                self._pair(found, key, value, steps, depth)

    def _scalar(self, node: yaml.Node, steps: Steps) -> object:
        scalar = self._scalars.get(id(node))
        if scalar is None:
            scalar = self._scalars[id(node)] = _filled(node, self._environ)
        if scalar.problem:
            self._problems.append(Problem(steps, scalar.problem))
        if scalar.variables and steps in self._places:
            self._places[steps] = self._places[steps]._replace(variables=scalar.variables)
        return scalar.value


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style


def _filled(node: yaml.Node, environ: Mapping[str, str]) -> _Scalar:
    try:
        text, variables = fill(node.value, environ)
    except ValueError as error:
        return _Scalar(None, (), str(error))
    plain = isinstance(node, yaml.ScalarNode) and not node.style
    return _Scalar(resolve(text) if plain else text, variables)


_VARIABLE = re.compile(r"\$\$|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def fill(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return `text` with its variables filled, and their names; raise ValueError for one that can't be."""
    names: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        value = _variable(found, environ)
        names.append(found[1])
        return value

    return _VARIABLE.sub(replaced, text), tuple(names)


def _variable(found: re.Match[str], environ: Mapping[str, str]) -> str:
    name, default = found[1], found[2]
    if name is None or "${" in (default or ""):
        raise ValueError("`${` should begin ${NAME} or ${NAME:-default}; write $${ where it means itself")
    if default is not None:
        return environ.get(name) or default.replace("$$", "$")
    if name not in environ:
        raise ValueError(f"the variable {name} isn't set: set it, or give it a default with ${{{name}:-default}}")
    return environ[name]


_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null"), None),
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,9}")


def resolve(text: str) -> object:
    """Return what an unquoted text means.

    As YAML 1.2 has it, with YAML 1.1's yes and no: in YAML 1.1 the phone number 0721234567 is an octal number, and
    12:30 is 750.
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
