"""What is kept of starts and stops: restarts.jsonl in the state directory, a line for each, of bounded size.

A line that can't be written is told and stops nothing: this is history, and no drop depends on it.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.errors import Fatal
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wamon.clock import Clock

FILE = "restarts.jsonl"
MOST_BYTES = 256 * 1024
_PLANNED_TO_KEEP = 60
"""Planned restarts that outlive a crash loop's thousands of lines: two months of nights."""


class Event(NamedTuple):
    """A line of the file: `started`, `stopped` or `planned`, and what was said of it."""

    at: datetime
    what: str
    said: Mapping[str, Any]


def note_start(state_dir: Path, clock: Clock) -> None:
    """Keep that this process is ready, and its memory by now. Said once more, it changes nothing."""
    from wamon.host.process import Process

    me = Process.this()
    who = {"host": me.host, "boot": me.boot, "pid": me.pid, "process_started": me.process_started}
    last = next((event for event in reversed(_events_or_none(state_dir)) if event.what == "started"), None)
    if last is None or any(last.said.get(name) != value for name, value in who.items()):
        _note(state_dir, clock, "started", **who, memory_bytes=memory_bytes(me.pid))


def note_planned(state_dir: Path, clock: Clock) -> None:
    """Keep that the next stop is meant."""
    _note(state_dir, clock, "planned")


def note_stop(state_dir: Path, clock: Clock, environ: Mapping[str, str]) -> Event:
    """Keep why systemd says that the service stopped; it says so in the environment of ExecStopPost."""
    names = {"result": "SERVICE_RESULT", "code": "EXIT_CODE", "status": "EXIT_STATUS"}
    said = {name: environ[variable] for name, variable in names.items() if environ.get(variable)}
    return _note(state_dir, clock, "stopped", **said)


def note_end(state_dir: Path, clock: Clock, status: int) -> None:
    """Keep the end of a run by hand, as `wamon service stopped` keeps a service's, of which systemd tells."""
    if "NOTIFY_SOCKET" not in os.environ:
        result = "exit-code" if status else "success"
        said = {"SERVICE_RESULT": result, "EXIT_CODE": "exited", "EXIT_STATUS": str(status)}
        note_stop(state_dir, clock, said)


def events(state_dir: Path) -> list[Event]:
    """Everything that is kept, the oldest first. Raises Fatal where this account may not see it."""
    try:
        with (state_dir / FILE).open(encoding="utf-8", errors="replace") as file:
            return [event for event in map(_parsed, file) if event]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Fatal(
            f"{state_dir / FILE} can't be read: {error.strerror}.",
            hint="Run this as root, or as the account of wamon's service.",
        ) from None


def memory_bytes(pid: int) -> int | None:
    """How much memory a process has now; None where it doesn't run, or may not be looked at."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _events_or_none(state_dir: Path) -> list[Event]:
    try:
        return events(state_dir)
    except Fatal:
        return []


def _parsed(line: str) -> Event | None:
    try:
        said = json.loads(line)
        return Event(datetime.fromisoformat(said.pop("at")), str(said.pop("what")), said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # torn by a crash, or nothing of ours


def _note(state_dir: Path, clock: Clock, what: str, **said: object) -> Event:
    event = Event(clock.now(), what, said)
    try:
        with _opened(state_dir) as file:
            _append(file, event)
    except OSError as error:
        logger.warning(
            "%s couldn't be written: %s. `wamon hygiene` won't know of this.",
            state_dir / FILE,
            error.strerror,
            extra={"action": "restarts.failed"},
        )
    return event


@contextmanager
def _opened(state_dir: Path) -> Iterator[int]:
    """The file, for one writer at a time. A link in its place isn't followed: root may be the one who writes."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(state_dir / FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _append(file: int, event: Event) -> None:
    size = os.fstat(file).st_size
    torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
    line = _line(event)
    os.write(file, b"\n" + line if torn else line)
    if size + len(line) > MOST_BYTES:
        kept = _worth_keeping(os.pread(file, size + len(line) + 1, 0).decode("utf-8", "replace"))
        os.ftruncate(file, 0)
        os.write(file, b"".join(map(_line, kept)))


def _worth_keeping(text: str) -> list[Event]:
    """The newer half, and planned restarts that are older."""
    found = [event for event in map(_parsed, text.splitlines()) if event]
    older, newer = found[: len(found) // 2], found[len(found) // 2 :]
    return [event for event in older if event.what == "planned"][-_PLANNED_TO_KEEP:] + newer


def _line(event: Event) -> bytes:
    at = event.at.isoformat(timespec="milliseconds")
    return (json.dumps({"at": at, "what": event.what, **event.said}) + "\n").encode()
