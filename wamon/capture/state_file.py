"""The state file: the position as people and scripts read it. It follows each commit and never leads.

PostgreSQL is the truth. The file can be lost, torn, stale or ahead, and costs nothing but a re-read; only where the
database is new does it say something that nothing else knows: from where its groups started.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from wamon.capture.old_state import OldState, document_of, old_state
from wamon.errors import ConfigError
from wamon.failpoints import failpoint
from wamon.host.files import locked, replacing
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.model import Group, Place

    Kept = Callable[[dict[str, Any]], object]

VERSION = 1
_LEAST_SECONDS_BETWEEN_WRITES = 1.0
_SECONDS_AFTER_FAILURE = 60.0
_LARGEST_SHARE = 0.05
"""Of the time, that writing may take: a file of ten thousand groups takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the state file held when it was opened."""

    instance_id: str | None = None
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    legacy: OldState | None = None
    set_aside: Path | None = None  # where a file that can't be read lies now
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pending:
    """What the file is to say."""

    instance_id: str
    source: str
    seq: int
    place: Place
    groups: Mapping[str, Group]

    def position(self) -> dict[str, Any]:
        anchors = [list(anchor) for anchor in self.place.anchors]
        return {"seq": self.seq, "rowid": self.place.rowid, "anchors": anchors}


class _Lines:
    """What the file says, a line for each source and each group. Only what has changed is put into words again.

    Of ten thousand groups that is a few: to describe all of them would hold up a pass by a tenth of a second.
    """

    def __init__(self, instance_id: str | None = None) -> None:
        self.instance_id = instance_id
        self._sources: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        self._said: dict[str, tuple[object, ...]] = {}  # what a group's line was made from

    @classmethod
    def of_others(cls, document: Mapping[str, Any], ours: Container[str]) -> _Lines:
        """What a document says, but for these groups: they are about to be put into words anew."""
        lines = cls(document["instance_id"])
        lines._sources = {name: _line(name, entry) for name, entry in document["sources"].items()}
        lines._groups = {jid: _line(jid, entry) for jid, entry in document["groups"].items() if jid not in ours}
        return lines

    def renew(self, pending: _Pending) -> None:
        """Have the source and its groups say what is pending."""
        self._sources[pending.source] = _line(pending.source, pending.position())
        for jid, group in pending.groups.items():
            says = (group.messages, group.last_message_id, group.last_sent_at, group.project, group.start_place)
            if self._said.get(jid) != says:
                self._said[jid] = says
                self._groups[jid] = _line(jid, _described(group))

    def written(self) -> Iterator[str]:
        """The document as JSON, in pieces."""
        yield f'{{\n "version": {VERSION},\n "instance_id": {_json(self.instance_id)},\n'
        yield from _part("sources", self._sources.values())
        yield ",\n"
        yield from _part("groups", self._groups.values())
        yield "\n}\n"


def _part(name: str, lines: Iterable[str]) -> Iterator[str]:
    yield f' "{name}": {{'
    for number, line in enumerate(lines):
        yield f",\n  {line}" if number else f"\n  {line}"
    yield "\n }"


def _line(key: str, entry: object) -> str:
    return f"{_json(key)}: {_json(entry)}"


class StateFile:
    """state.json in the state directory."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path = folder / "state.json"
        self._clock = clock
        self._writable_at_seconds = -inf
        self._written_seq: int | None = None
        self._pending: _Pending | None = None
        self._lines = _Lines()
        self._written_stamp: tuple[int, ...] | None = None
        self._failed: str | None = None  # why it can't be written, as it was logged

    def prepare(self) -> None:
        """Make the directory and see that it can be written. Raises ConfigError where it can't."""
        try:
            with self._lock(), tempfile.TemporaryFile(dir=self.path.parent):
                for leftover in self.path.parent.glob("*state.json.*.tmp"):
                    leftover.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The state directory {self.path.parent} can't be written: {error.strerror}.",
                hint="Let wamon's user own it, make room on its disk, or name another in state.dir.",
            ) from None

    def open(self, instance: str | None = None) -> Found:
        """Read the file. One that can't be read is set aside as state.json.bad-<time>, and nothing is lost.

        In a directory that can't be written it is left as it is; what can't even be read there says nothing. What it
        says of groups is left out where it is of this instance of the database, which knows that itself.
        """
        self._written_seq = None
        try:
            with self._lock():
                document, aside = self._read_or_set_aside(_without_group if instance else None)
                if document is not None and instance not in {None, document.get("instance_id")}:
                    document, aside = self._read_or_set_aside()
        except OSError as error:
            self._tell_failure(str(error.strerror))
            return self._read_as_it_is()
        return Found(set_aside=aside) if document is None else _found(document)

    def look(self) -> Found:
        """What the file says of sources; leave it as it is. Groups are left out: ten thousand take 8 MB.

        `set_aside` is the file itself, where it can't be read.
        """
        try:
            return _found(_parsed(self.path, _without_group))
        except (ValueError, RecursionError):
            return Found(set_aside=self.path)
        except OSError:
            return Found()

    def _read_as_it_is(self) -> Found:
        try:
            return _found(_parsed(self.path))
        except (OSError, ValueError, RecursionError):
            return Found()

    def _read_or_set_aside(self, kept: Kept | None = None) -> tuple[dict[str, Any] | None, Path | None]:
        """What the file says, or where one that can't be read lies now; neither, where there is none."""
        try:
            return _parsed(self.path, kept), None
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError, RecursionError):
            return None, self._set_aside()

    def _set_aside(self) -> Path:
        aside = self.path.with_name(f"state.json.bad-{self._clock.now():%Y%m%dT%H%M%SZ}")
        self.path.replace(aside)
        logger.warning(
            "The state file couldn't be read and was set aside as %s. PostgreSQL holds the position.",
            aside,
            extra={"action": "state.set_aside"},
        )
        return aside

    def keep_legacy(self) -> None:
        """Keep the old form's file as state.json.legacy, once what it says stands in PostgreSQL."""
        with suppress(OSError), self._lock():  # where it can't be renamed, the next start finds all of it recorded
            self.path.replace(self.path.with_name("state.json.legacy"))
        failpoint("state.adopted")

    def follow(self, instance_id: str, source: str, seq: int, place: Place, groups: Mapping[str, Group]) -> None:
        """Have the file say this, now or soon: at most one write a second, and none where it says so."""
        if seq == self._written_seq and self._pending is None and os.path.exists(self.path):  # noqa: PTH110 - Path's raises
            return
        self._pending = _Pending(instance_id, source, seq, place, groups)
        self.flush_if_due()

    @property
    def is_saved(self) -> bool:
        """Whether the file says all that it was to say."""
        return self._pending is None

    def due_in_seconds(self) -> float:
        """How long until what is pending may be written; for ever, where nothing is."""
        return inf if self._pending is None else max(0, self._writable_at_seconds - self._clock.monotonic_seconds())

    def flush_if_due(self) -> None:
        """Write what is pending, unless the last write was just now."""
        if self.due_in_seconds() == 0:
            self.flush()

    def flush(self) -> None:
        """Write what is pending. A failure is told once, and stops nothing: PostgreSQL holds the position."""
        if self._pending is None:
            return
        began_seconds = self._clock.monotonic_seconds()
        try:
            with self._lock():
                self._write(self._merged(self._pending))
                self._written_stamp = _stamp(self.path)
        except OSError as error:
            self._tell_failure(str(error.strerror))
            rest_seconds = _SECONDS_AFTER_FAILURE
        else:
            self._tell_success()
            self._written_seq = self._pending.seq
            self._pending = None
            took_seconds = self._clock.monotonic_seconds() - began_seconds
            rest_seconds = max(_LEAST_SECONDS_BETWEEN_WRITES, took_seconds / _LARGEST_SHARE)
        self._writable_at_seconds = self._clock.monotonic_seconds() + rest_seconds

    def _tell_failure(self, why: str) -> None:
        """Log it, unless it is what was logged last."""
        if why != self._failed:
            self._failed = why
            logger.warning(
                "The state file %s couldn't be written: %s. Nothing is lost; PostgreSQL holds the position.",
                self.path,
                why,
                extra={"action": "state.failed"},
            )

    def _tell_success(self) -> None:
        if self._failed is not None:
            self._failed = None
            logger.info("The state file %s is written again.", self.path, extra={"action": "state.recovered"})

    def _merged(self, pending: _Pending) -> _Lines:
        """The file's lines with this source's made new, and other sources' as they are."""
        if self._lines.instance_id != pending.instance_id or _stamp(self.path) != self._written_stamp:
            self._lines = self._read_lines(pending)
        self._lines.renew(pending)
        return self._lines

    def _read_lines(self, pending: _Pending) -> _Lines:
        document = self._written_with(pending.instance_id, _without_group)
        if document is not None and document["groups"].keys() - pending.groups.keys():  # others', which stay
            document = self._written_with(pending.instance_id)
        return _Lines(pending.instance_id) if document is None else _Lines.of_others(document, pending.groups)

    def _written_with(self, instance: str, kept: Kept | None = None) -> dict[str, Any] | None:
        """What the file says, where it is of this instance of the database."""
        document, _ = self._read_or_set_aside(kept)
        return document if document is not None and document.get("instance_id") == instance else None

    def _write(self, lines: _Lines) -> None:
        with replacing(self.path) as temporary:
            failpoint("state.temporary")
            # A lone surrogate, in a name that was kept, stays the escape that it was.
            with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(lines.written())
            failpoint("state.written")
        failpoint("state.renamed")

    def _lock(self) -> AbstractContextManager[None]:
        """Commands beside the daemon write the same file: one reads, replaces and tidies at a time."""
        return locked(self.path.parent / "lock")


class ReadOnlyStateFile(StateFile):
    """For a rehearsal: it says what the file says, and leaves it as it is."""

    def _set_aside(self) -> Path:
        return self.path

    def _lock(self) -> AbstractContextManager[None]:
        return nullcontext()  # making the lock would write

    def keep_legacy(self) -> None:
        pass

    def flush(self) -> None:
        pass


def _parsed(path: Path, kept: Kept | None = None) -> dict[str, Any]:
    document = document_of(path, kept)
    if not isinstance(document, dict) or not (_is_ours(document) or old_state(document)):
        raise ValueError("no state file")
    return document


def _is_ours(document: Mapping[str, Any]) -> bool:
    return (
        document.get("version") == VERSION
        and isinstance(document.get("instance_id"), str)
        and all(_are_entries(document.get(part)) for part in ("sources", "groups"))
    )


def _are_entries(part: object) -> bool:
    """Whether a part holds by name what we write, so that it can be kept and written again."""
    return isinstance(part, dict) and all(
        isinstance(entry, dict) and all(map(_is_value, entry.values())) for entry in part.values()
    )


_OF_A_GROUP: dict[str, Any] = {}


def _without_group(entry: dict[str, Any]) -> dict[str, Any]:
    """One empty entry for all groups' that are as they should be."""
    return _OF_A_GROUP if "last_processed_id" in entry and all(map(_is_value, entry.values())) else entry


def _is_value(value: object) -> bool:
    return value is None or isinstance(value, str | int) or (isinstance(value, list) and all(map(_is_anchor, value)))


def _is_anchor(value: object) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == [int, str]


_json = json.JSONEncoder(ensure_ascii=False).encode
"""Made once, and not for each of ten thousand groups."""


def _found(document: dict[str, Any]) -> Found:
    if not _is_ours(document):
        return Found(legacy=old_state(document))
    return Found(document["instance_id"], document["groups"], sources=document["sources"])


def _described(group: Group) -> dict[str, Any]:
    return {
        "name": group.project,
        "start": group.start,
        "start_before": _iso(group.start_before),
        "start_anchors": [list(anchor) for anchor in group.start_place.anchors],
        "last_processed_id": group.last_message_id,
        "last_processed_at": _iso(group.last_sent_at),
        "messages": group.messages,
    }


def _iso(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as the contract shows it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever somebody else writes the file: each write is a new one."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
