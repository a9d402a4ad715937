"""A view as a JSON document, and back: what a command prints, a daemon publishes and a page shows is one thing.

A view is a frozen dataclass, and each field's help stands beside it, as `Annotated[type, "help"]`: docs/json.md is
written from that.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from itertools import chain
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import DataclassInstance

V = TypeVar("V")


class Streamed(tuple[V, ...]):  # noqa: SLOT001 - a tuple can have none but empty ones
    """A view's rows that are made as they are written, once, so that any number of them takes little memory."""

    _rest: Iterator[V]

    def __new__(cls, rows: Iterable[V]) -> Streamed[V]:
        """Takes the first row at once: whether there is any is asked before they are written."""
        rest = iter(rows)
        first = list(next(zip(rest), ()))
        own = super().__new__(cls, first)
        own._rest = chain(first, rest)
        return own

    def __iter__(self) -> Iterator[V]:
        return self._rest


def as_json(view: object) -> str:
    """A view as JSON text, its fields in their order. Times become RFC 3339 in UTC, to the second."""
    return json.dumps(view, ensure_ascii=False, indent=2, default=_plain)


def in_parts(view: DataclassInstance) -> Iterator[str]:
    """The same text as it comes, for a view with one list of `Streamed` rows; of another all at once."""
    streamed = [each.name for each in fields(view) if isinstance(getattr(view, each.name), Streamed)]
    if not streamed:
        yield as_json(view)
        return
    (name,) = streamed
    before, after = as_json(replace(view, **{name: ()})).split(f'"{name}": []')  # a text's own quotes are escaped
    yield f'{before}"{name}": ['
    beginning = "\n"
    for row in getattr(view, name):
        yield f"{beginning}    {_as_row(row)}"
        beginning = ",\n"
    yield f"]{after}" if beginning == "\n" else f"\n  ]{after}"


def _as_row(row: DataclassInstance, before: str = "    ") -> str:
    """A row as `as_json` has it behind so many spaces, in a third of the time."""
    within = f"{before}  "
    inner = ",\n".join(
        f'{within}"{name}": {_as_value(getattr(row, name), within)}' for name in row.__dataclass_fields__
    )
    return f"{{\n{inner}\n{before}}}"


def _as_value(value: object, before: str) -> str:
    if written := _WRITTEN.get(type(value)):
        return written(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _as_row(value, before)
    return as_json(value).replace("\n", f"\n{before}")


def as_json_line(view: object) -> str:
    """The same on one line."""
    return json.dumps(view, ensure_ascii=False, default=_plain)


def rows(view: DataclassInstance) -> Iterator[str]:
    """Each row of a view that has one list, as JSON on one line, as it comes."""
    (found,) = (value for each in fields(view) if isinstance(value := getattr(view, each.name), tuple))
    return map(as_json_line, found)


def from_json(kind: type[V], text: str) -> V:
    """The view that `as_json` made this text of; fields that it doesn't know are passed over.

    Raises ValueError, which names the fields that don't fit and quotes nothing: there may be people in it.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) or "all" for one in error.errors(include_input=False)]
    raise ValueError(f"This is no {kind.__name__}: {', '.join(places)} can't be read.")


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return _time(value) if isinstance(value, datetime) else str(value)


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"


_WRITTEN: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _: "null",
    datetime: lambda value: f'"{_time(value)}"',
}
"""What holds nothing nested, as JSON."""
