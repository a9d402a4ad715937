"""What a reader may see of a page: all but what messages say. Operators read texts as far as `keep_text` keeps them.

A near miss quotes its message: a word beside the number, or a phone's number in place of one. Readers are told that
there is one, where, when, by whom, why it isn't a number, and which was likely meant.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

V = TypeVar("V")


def for_readers(view: V) -> V:
    """The view, and all views in it, without what messages say: those that may quote one have `unquoted`."""
    found: Any = view
    if isinstance(view, tuple):
        return found if not any(map(_is_view, view)) else type(view)(map(for_readers, view))
    if not _is_view(view):
        return view
    own = {field.name: getattr(view, field.name) for field in fields(found)}
    changed = {name: new for name, value in own.items() if (new := for_readers(value)) is not value}
    found = replace(found, **changed) if changed else found
    unquoted: V = found.unquoted() if hasattr(found, "unquoted") else found
    return unquoted


def _is_view(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)
