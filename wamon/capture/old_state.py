"""The old form of the state file, {jid: message id}: as other monitors wrote it, and as people edited it since."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


MAX_BYTES = 64 * 1024 * 1024
"""Hundreds of thousands of groups. A device in place of a file has no end."""


class OldState(NamedTuple):
    """What an old file holds."""

    positions: Mapping[str, str]  # the last message id by JID
    odd: tuple[str, ...] = ()  # what names the entries that hold no position


def document_of(path: Path, kept: Callable[[dict[str, Any]], object] | None = None) -> object:
    """A file's JSON, in UTF-8 or UTF-16, with or without a byte order mark. Raises OSError, ValueError.

    `kept` says what is kept of each object in it, the innermost first.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
        raise ValueError("no file, or larger than 64 MiB")
    return json.loads(path.read_bytes(), object_hook=kept)


def old_state(document: object) -> OldState | None:
    """A document as the old form; None where no entry of it is a position."""
    if not isinstance(document, dict):
        return None
    positions = {jid.strip(): value.strip() for jid, value in document.items() if _is_position(jid, value)}
    odd = [
        _name(number, key)
        for number, (key, value) in enumerate(document.items(), start=1)
        if not _is_position(key, value)
    ]
    return OldState(positions, tuple(odd)) if positions else None


def _is_position(jid: str, value: object) -> bool:
    return "@" in jid and isinstance(value, str) and bool(value.strip())


def _name(number: int, key: str) -> str:
    """A group by its JID; any other entry by its place, for its key may hold a person's number."""
    return key.strip() if key.strip().endswith("@g.us") else f"entry {number}"
