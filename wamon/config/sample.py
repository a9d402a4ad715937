"""What the sample config names and another doesn't, such as after an upgrade. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from wamon.config import document
from wamon.config.schema import renamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INLINE = re.compile(r"\s#\s*(.*)")
_NEXT_SENTENCE = re.compile(r"\.(\s|$)")


class NewKey(NamedTuple):
    """A key of the sample, with its dots: its value as the sample writes it, and what the sample says of it.

    The value is None where it takes several lines: a section's, or a list's. The comment is its first sentence.
    """

    key: str
    default: str | None
    comment: str


def new_keys(mine: bytes, sample: str) -> tuple[NewKey, ...]:
    """The sample's keys that a config doesn't name, in the sample's order; of a section that it lacks, the section.

    Items of lists aren't compared. Raises BrokenError if the config can't be read.
    """
    named = document.read(mine, {}, renamed).data
    root = yaml.compose(sample, Loader=document.LOADER)
    return tuple(_Sample(sample).lacking(root, named, "", "")) if root else ()


class _Sample:
    """The sample's text, for what its nodes don't keep: values as they are written, and comments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.split("\n")

    def lacking(self, section: yaml.Node, named: object, path: str, about: str) -> Iterator[NewKey]:
        """The keys of a section that `named`, the same section of a config, hasn't; `about` is its own comment."""
        there = named if isinstance(named, dict) else {}
        for key, value in section.value:
            name = f"{path}{key.value}"
            if key.value not in there:
                comment = self._beside(key, value) or self._above(key) or about
                yield NewKey(name, self._written(key, value), _first_sentence(comment))
            elif isinstance(value, yaml.MappingNode):
                yield from self.lacking(value, there[key.value], f"{name}.", self._above(key))

    def _written(self, key: yaml.Node, value: yaml.Node) -> str | None:
        if not _is_on_one_line(key, value):
            return None
        return self._text[value.start_mark.index : value.end_mark.index]

    def _beside(self, key: yaml.Node, value: yaml.Node) -> str:
        last = value if _is_on_one_line(key, value) else key
        found = _INLINE.search(self._lines[key.end_mark.line], last.end_mark.column)
        return found[1] if found else ""

    def _above(self, key: yaml.Node) -> str:
        """The comment right above a key that begins its line."""
        line = key.start_mark.line
        if self._lines[line][: key.start_mark.column].strip():
            return ""
        above = self._lines[:line]
        first = next((number for number in range(line, 0, -1) if not _is_comment(above[number - 1])), 0)
        return _joined(above[first:])


def _is_on_one_line(key: yaml.Node, value: yaml.Node) -> bool:
    return bool(key.start_mark.line == value.start_mark.line == value.end_mark.line)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _joined(comment: Sequence[str]) -> str:
    return " ".join(line.strip().removeprefix("#").strip() for line in comment)


def _first_sentence(comment: str) -> str:
    return _NEXT_SENTENCE.split(comment, 1)[0]
