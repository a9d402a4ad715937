"""The state file: the position as people and scripts read it. It follows each commit and never leads.

PostgreSQL is the truth. The file can be lost, torn, stale or ahead, and costs nothing but a re-read; only where the
database is new does it say something that nothing else knows: from where its groups started.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wamon.errors import ConfigError
from wamon.failpoints import failpoint
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.model import Group, Place

VERSION = 1
_MOST_BYTES = 64 * 1024 * 1024
_LEAST_SECONDS_BETWEEN_WRITES = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """What the state file held when it was opened."""

    instance_id: str | None = None
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    legacy: Mapping[str, str] | None = None  # the old form {jid: message id}
    set_aside: Path | None = None  # where a file that can't be read lies now


class StateFile:
    """state.json in the state directory."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path = folder / "state.json"
        self._clock = clock
        self._written_at_seconds: float | None = None
        self._pending: dict[str, Any] | None = None

    def prepare(self) -> None:
        """Make the directory and see that it can be written. Raises ConfigError where it can't."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as error:
            raise ConfigError(
                f"The state directory {self.path.parent} can't be written: {error.strerror}.",
                hint="Let wamon's user own it, make room on its disk, or name another in state.dir.",
            ) from None
        for leftover in self.path.parent.glob("state.json.*.tmp"):
            leftover.unlink(missing_ok=True)

    def open(self) -> Found:
        """Read the file. One that can't be read is set aside as state.json.bad-<time>, and nothing is lost."""
        with self._lock():
            try:
                document = _parsed(self.path)
            except FileNotFoundError:
                return Found()
            except (OSError, ValueError, RecursionError):
                return Found(set_aside=self._set_aside())
        return _found(document)

    def _set_aside(self) -> Path:
        aside = self.path.with_name(f"state.json.bad-{self._clock.now():%Y%m%dT%H%M%SZ}")
        self.path.replace(aside)
        logger.warning("The state file couldn't be read and was set aside as %s; nothing is lost.", aside)
        return aside

    def keep_legacy(self) -> None:
        """Keep the old form's file as state.json.legacy, once what it says stands in PostgreSQL."""
        with self._lock(), suppress(FileNotFoundError):
            self.path.replace(self.path.with_name("state.json.legacy"))
        failpoint("state.adopted")

    def follow(self, instance_id: str, source: str, seq: int, place: Place, groups: Mapping[str, Group]) -> None:
        """Have the file say this, now or within a second: at most one write a second."""
        self._pending = {
            "instance_id": instance_id,
            "source": source,
            "position": {"seq": seq, "rowid": place.rowid, "anchors": [list(anchor) for anchor in place.anchors]},
            "groups": groups,
        }
        now = self._clock.monotonic_seconds()
        if self._written_at_seconds is None or now - self._written_at_seconds >= _LEAST_SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write what is pending. A failure is told, and stops nothing: PostgreSQL holds the position."""
        if self._pending is None:
            return
        self._written_at_seconds = self._clock.monotonic_seconds()
        try:
            with self._lock():
                self._write(self._merged(self._pending))
        except OSError as error:
            logger.warning(
                "The state file %s couldn't be written: %s. Nothing is lost; PostgreSQL holds the position.",
                self.path,
                error.strerror,
                extra={"action": "state.failed"},
            )
        else:
            self._pending = None

    def _merged(self, pending: dict[str, Any]) -> dict[str, Any]:
        """The document with this source's part made new, and other sources' parts as they are."""
        document: dict[str, Any] = {}
        with suppress(OSError, ValueError, RecursionError):
            document = _parsed(self.path)
        if document.get("instance_id") != pending["instance_id"]:
            document = {}
        return {
            "version": VERSION,
            "instance_id": pending["instance_id"],
            "sources": {**document.get("sources", {}), pending["source"]: pending["position"]},
            "groups": {**document.get("groups", {}), **_described(pending["groups"])},
        }

    def _write(self, document: dict[str, Any]) -> None:
        handle, name = tempfile.mkstemp(prefix="state.json.", suffix=".tmp", dir=self.path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                failpoint("state.temporary")
                json.dump(document, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            failpoint("state.written")
            temporary.replace(self.path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        failpoint("state.renamed")
        _fsync_folder(self.path.parent)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Commands beside the daemon write the same file: one reads and replaces it at a time."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path.parent / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class ReadOnlyStateFile(StateFile):
    """For a rehearsal: it says what the file says, and leaves it as it is."""

    def _set_aside(self) -> Path:
        return self.path

    def keep_legacy(self) -> None:
        pass

    def flush(self) -> None:
        pass


def _parsed(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("too large for a state file")
    document = json.loads(path.read_text("utf-8"))
    if not isinstance(document, dict) or not (_is_legacy(document) or _is_ours(document)):
        raise ValueError("no state file")
    return document


def _is_ours(document: Mapping[str, Any]) -> bool:
    return document.get("version") == VERSION and all(
        isinstance(document.get(part), kind)
        for part, kind in (("instance_id", str), ("sources", dict), ("groups", dict))
    )


def _is_legacy(document: Mapping[str, Any]) -> bool:
    return bool(document) and all("@" in jid and isinstance(message_id, str) for jid, message_id in document.items())


def _found(document: dict[str, Any]) -> Found:
    if not _is_ours(document):
        return Found(legacy=document)
    groups = {jid: group for jid, group in document["groups"].items() if isinstance(group, dict)}
    return Found(document["instance_id"], groups)


def _described(groups: Mapping[str, Group]) -> dict[str, Any]:
    return {
        jid: {
            "name": group.project,
            "start": group.start,
            "start_before": _iso(group.start_before),
            "start_anchors": [list(anchor) for anchor in group.start_place.anchors],
            "last_processed_id": group.last_message_id,
            "last_processed_at": _iso(group.last_sent_at),
            "messages": group.messages,
        }
        for jid, group in groups.items()
    }


def _iso(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as the contract shows it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
