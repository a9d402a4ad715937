"""A YAML text as plain data, with the place of everything in it. Nothing is executed, nothing grows without bound."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from sys import intern
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
"""It builds nothing: what a scalar means is decided here, what a tag would build is never built."""

_LONG = 100
"""Characters of a scalar that is filled once: through aliases it may be asked for a hundred thousand times."""

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


class Places:
    """The place of each value. They are found once one is asked for, to tell a problem: nobody else needs them, and
    with ten thousand groups they are larger than what these say.
    """

    def __init__(self, find: Callable[[], Mapping[Steps, Place]] = dict) -> None:
        self._find = find
        self._set: dict[Steps, Place] = {}

    def __setitem__(self, steps: Steps, place: Place) -> None:
        self._set[steps] = place

    def __getitem__(self, steps: Steps) -> Place:
        return self._set.get(steps) or self._found[steps]

    def get(self, steps: Steps) -> Place | None:
        """Return where the value at `steps` stands, or None where nothing does."""
        return self._set.get(steps) or self._found.get(steps)

    @cached_property
    def _found(self) -> Mapping[Steps, Place]:
        return self._find()


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """Plain data, the place of each value in it, and what was wrong so far."""

    data: dict[str, object] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    problems: list[Problem] = field(default_factory=list)


class BrokenError(Exception):
    """The text can't be read to its end."""

    def __init__(self, mark: Mark, what: str) -> None:
        super().__init__(what)
        self.problem = Problem((), what, mark)


def read(raw: bytes, environ: Mapping[str, str], rename: Callable[[Steps, str], str]) -> Document:
    """Return the document in `raw`, variables filled, keys renamed; raise BrokenError where it can't be read."""
    text = _decoded(raw)
    composer = _Composer(text)
    builder = _Builder(environ, rename, composer.problems)
    data = builder.data(composer.root())
    return Document(data, Places(partial(_placed, text, environ, rename)), composer.problems)


def _placed(text: str, environ: Mapping[str, str], rename: Callable[[Steps, str], str]) -> Mapping[Steps, Place]:
    """Return the place of each value in a text that was read before."""
    places: dict[Steps, Place] = {}
    _Builder(environ, rename, [], places).data(_Composer(text).root())
    return places


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


@dataclass(slots=True, eq=False)
class _Scalar:
    """A text, and where it stands. `is_plain`: without quotes."""

    line: int
    column: int
    text: str
    is_plain: bool

    @property
    def place(self) -> tuple[int, int]:
        return self.line, self.column


@dataclass(slots=True, eq=False)
class _Collection:
    """A list's items, or a mapping's keys and values in turn, and where it stands."""

    line: int
    column: int
    is_mapping: bool
    parts: list[_Node] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, int]:
        return self.line, self.column

    def pairs(self) -> Iterator[tuple[_Node, _Node]]:
        """A mapping's keys with their values."""
        parts = iter(self.parts)
        return zip(parts, parts, strict=True)


_Node = _Scalar | _Collection


class _Composer:
    """Makes nodes of the flat events: PyYAML's own obey tags, nest without a limit and take four times the memory."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._roots: list[_Node] = []
        self._open: list[_Collection] = []  # the innermost is the last
        self._anchors: dict[str, _Node] = {}
        self._broken: list[BrokenError] = []  # what the parser lets pass

    def root(self) -> _Node | None:
        """Return what the text holds, or None where that is nothing; raise BrokenError where it can't be read."""
        for event in _events(self._text):
            self._take(event)
        if self._broken:
            raise self._broken[0]
        return self._roots[0] if self._roots else None

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(event, _Scalar(*_mark(event.start_mark), event.value, is_plain=not event.style))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._named(event))
        elif isinstance(event, yaml.DocumentStartEvent) and self._roots:
            self._break(event, "a second document (---) begins here; a config is one")

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        collection = _Collection(*_mark(event.start_mark), is_mapping=isinstance(event, yaml.MappingStartEvent))
        self._add(event, collection)
        self._open.append(collection)
        if len(self._open) > MAX_DEPTH:
            raise BrokenError(collection.place, f"is nested deeper than {MAX_DEPTH} levels")

    def _add(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, node: _Node) -> None:
        if event.tag is not None:
            what = "a YAML tag (!…) is refused: remove it, or put the text in quotes if the ! belongs to it"
            self.problems.append(Problem((), what, node.place))
        if event.anchor is not None and self._anchors.setdefault(event.anchor, node) is not node:
            what = "an anchor (&…) that already has its place; put the text in quotes if the & belongs to it"
            self._break(event, what)
        self._put(node)

    def _put(self, node: _Node) -> None:
        (self._open[-1].parts if self._open else self._roots).append(node)

    def _named(self, alias: yaml.AliasEvent) -> _Node:
        if node := self._anchors.get(str(alias.anchor)):
            return node
        self._break(alias, "an alias (*…) that no anchor (&…) names; put the text in quotes if the * belongs to it")
        return _Scalar(*_mark(alias.start_mark), "", is_plain=True)

    def _break(self, event: yaml.Event, what: str) -> None:
        self._broken.append(BrokenError(_mark(event.start_mark), f"is not YAML: {what}"))


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


class _Filled(NamedTuple):
    value: object
    variables: tuple[str, ...] = ()
    problem: str = ""


class _Builder:
    """Walks the composed nodes once, counting every visit: aliases make few nodes into many values.

    `places` takes the place of each value; None: nobody asks for them.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        rename: Callable[[Steps, str], str],
        problems: list[Problem],
        places: dict[Steps, Place] | None = None,
    ) -> None:
        self._rename = rename
        self._problems = problems
        self._places = places
        self._environ = environ
        self._filled_once = cache(partial(_filled, environ))
        self._visits = 0

    def data(self, root: _Node | None) -> dict[str, object]:
        if root is None:
            return {}
        self._place((), root, root, "")
        data = self._value(root, (), 0)
        if isinstance(data, dict):
            return data
        if data is not None:
            self._problems.append(Problem((), "the file should be a mapping: lines such as `timezone: …`", root.place))
        return {}

    def _place(self, steps: Steps, value: _Node, key: _Node, name: str | int) -> None:
        if self._places is not None:
            variables = self._filled(value).variables if isinstance(value, _Scalar) else ()
            self._places[steps] = Place(value.place, key.place, name, variables)

    def _filled(self, scalar: _Scalar) -> _Filled:
        return self._filled_once(scalar) if len(scalar.text) > _LONG else _filled(self._environ, scalar)

    def _value(self, node: _Node, steps: Steps, depth: int) -> object:
        self._count(node, depth)
        if isinstance(node, _Scalar):
            return self._scalar(node, steps)
        if node.is_mapping:
            return self._mapping(node, steps, depth)
        return [self._item(item, (*steps, index), depth) for index, item in enumerate(node.parts)]

    def _count(self, node: _Node, depth: int) -> None:
        self._visits += 1
        if depth > MAX_DEPTH:
            raise BrokenError(node.place, f"with its aliases, is nested deeper than {MAX_DEPTH} levels")
        if self._visits > MAX_VALUES:
            raise BrokenError(node.place, f"with its aliases, the file has over {MAX_VALUES:,} values")

    def _item(self, node: _Node, steps: Steps, depth: int) -> object:
        self._place(steps, node, node, steps[-1])
        return self._value(node, steps, depth + 1)

    def _mapping(self, node: _Collection, steps: Steps, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.pairs():
            if not _is_merge(key):
                self._pair(found, node, key, value, steps, depth)
        for key, value in node.pairs():
            if _is_merge(key):
                self._merge(found, value, steps, depth)
        return found

    def _pair(
        self, found: dict[str, object], of: _Collection, key: _Node, value: _Node, steps: Steps, depth: int
    ) -> None:
        self._count(key, depth)
        if not isinstance(key, _Scalar):
            self._problems.append(Problem(steps, "a key should be a plain word", key.place))
            return
        name = intern(self._rename(steps, key.text))
        if name in found:
            self._problems.append(self._twice(of, (*steps, name), key))
            return
        here = (*steps, name)
        self._place(here, value, key, key.text)
        found[name] = self._value(value, here, depth + 1)

    def _twice(self, of: _Collection, steps: Steps, key: _Scalar) -> Problem:
        keys = (one for one, _ in of.pairs() if isinstance(one, _Scalar))
        first = next(one for one in keys if self._rename(steps[:-1], one.text) == steps[-1])
        line, _ = first.place
        if first.text == key.text:
            return Problem(steps, f"stands twice; the first is in line {line}", key.place)
        what = f"`{key.text}` and `{first.text}` (line {line}) mean the same: keep one"
        return Problem(steps, what, key.place)

    def _merge(self, found: dict[str, object], source: _Node, steps: Steps, depth: int) -> None:
        """Add what `<<` names, where the mapping doesn't say it itself."""
        self._count(source, depth)
        if isinstance(source, _Scalar):
            self._problems.append(Problem(steps, "`<<` should name a mapping", source.place))
        elif source.is_mapping:
            self._merge_mapping(found, source, steps, depth)
        else:
            for each in source.parts:
                self._merge(found, each, steps, depth + 1)

    def _merge_mapping(self, found: dict[str, object], source: _Collection, steps: Steps, depth: int) -> None:
        for key, value in source.pairs():
            if _is_merge(key):
                self._merge(found, value, steps, depth + 1)
            elif not (isinstance(key, _Scalar) and self._rename(steps, key.text) in found):
                self._pair(found, source, key, value, steps, depth)

    def _scalar(self, node: _Scalar, steps: Steps) -> object:
        filled = self._filled(node)
        if filled.problem:
            self._problems.append(Problem(steps, filled.problem))
        return filled.value


def _is_merge(key: _Node) -> bool:
    return isinstance(key, _Scalar) and key.text == "<<" and key.is_plain


def _filled(environ: Mapping[str, str], scalar: _Scalar) -> _Filled:
    try:
        text, variables = fill(scalar.text, environ)
    except ValueError as error:
        return _Filled(None, (), str(error))
    return _Filled(resolve(text) if scalar.is_plain else text, variables)


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
