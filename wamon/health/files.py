"""The state directory, its rights and its state file, and room on the disks."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from wamon.bridge.access import real
from wamon.capture.state_file import StateFile
from wamon.errors import WamonError
from wamon.health.check import Absent, Check, State, unknown
from wamon.model import MAIN
from wamon.postgres.embedded import server as embedded
from wamon.words import amount, size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wamon.capture.state_file import Found
    from wamon.health.facts import Facts

_LITTLE_BYTES = 1024**3
_TOO_LITTLE_BYTES = 200 * 1024**2
_TOO_FEW_FILES = 1_000


def checks(facts: Facts) -> Iterator[Check]:
    """All of them; without a store there is no position to keep."""
    yield folder(facts)
    if not facts.subject.config.has_hooks_alone:
        yield state_file(facts)
    yield set_aside(facts)
    yield from room(facts)


def folder(facts: Facts) -> Check:
    """Whether the state directory is ours, and nobody else's to read."""
    path = facts.subject.config.state.dir
    try:
        found = path.stat()
    except FileNotFoundError:
        return Check(
            "files.folder", State.UNKNOWN, f"The state directory {path} isn't there yet: the first scan makes it."
        )
    except OSError as error:
        return Check("files.folder", State.BAD, f"The state directory {path} can't be seen: {error.strerror}.", _OWN)
    mode = stat.S_IMODE(found.st_mode)
    numbers = {"path": str(path), "mode": f"{mode:04o}"}
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return Check("files.folder", State.BAD, f"The state directory {path} can't be written.", _OWN, numbers=numbers)
    if mode & 0o022:
        sentence = f"The state directory {path} (mode {mode:04o}) can be written by others."
        return Check("files.folder", State.WARN, sentence, f"chmod 0700 {path}", numbers=numbers)
    return Check("files.folder", State.OK, f"The state directory {path} is wamon's own.", numbers=numbers)


_OWN = "Let wamon's user own it, or name another in state.dir."


def state_file(facts: Facts) -> Check:
    """Whether state.json can be read, by nobody else, and says what PostgreSQL says."""
    file = StateFile(facts.subject.config.state.dir, facts.subject.clock)
    try:
        mode = stat.S_IMODE(file.path.stat().st_mode)
    except OSError:
        return _missing(facts, file.path)
    found = file.look()
    numbers = {"path": str(file.path), "mode": f"{mode:04o}"}
    if found.set_aside:
        sentence = f"The state file {file.path} can't be read."
        hint = "The next scan sets it aside and writes a new one. Nothing is lost: PostgreSQL holds the position."
        return Check("files.state", State.WARN, sentence, hint, numbers=numbers)
    if mode & 0o077:
        sentence = f"The state file {file.path} (mode {mode:04o}) can be read by others."
        return Check("files.state", State.WARN, sentence, f"chmod 0600 {file.path}", numbers=numbers)
    if found.legacy is not None:
        sentence = f"The state file {file.path} is an older monitor's: the next scan adopts it."
        return Check("files.state", State.OK, sentence, numbers=numbers)
    difference = _difference(facts, found)
    if difference:
        hint = "The next scan writes it anew. Nothing is lost: PostgreSQL holds the position."
        return Check("files.state", State.WARN, f"The state file {file.path} {difference}.", hint, numbers=numbers)
    said = "is there" if isinstance(facts.ledger_facts, Absent) else "says what PostgreSQL says"
    return Check("files.state", State.OK, f"The state file {file.path} {said}.", numbers=numbers)


def _missing(facts: Facts, path: Path) -> Check:
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent) or not ledger_facts.position.seq:
        return Check("files.state", State.UNKNOWN, f"There is no state file {path} yet: the first scan writes it.")
    return Check(
        "files.state",
        State.WARN,
        f"The state file {path} isn't there.",
        "The next scan writes it anew. Nothing is lost.",
    )


def _difference(facts: Facts, found: Found) -> str | None:
    """How the file differs from PostgreSQL, if it does. It may be a second behind."""
    ledger_facts = facts.ledger_facts
    if isinstance(ledger_facts, Absent) or ledger_facts.past is None:
        return None
    if found.instance_id != ledger_facts.past.instance_id:
        return "was written with another database"
    own = found.sources.get(facts.subject.source, {})
    place = ledger_facts.position.tails.get(MAIN)
    written = own.get("rowid")
    if place is None or written == place.rowid or ledger_facts.advanced_seconds.get(MAIN, 0.0) < _SECONDS_TO_FOLLOW:
        return None
    return f"says row {written or 0}, and PostgreSQL says row {place.rowid}"


_SECONDS_TO_FOLLOW = 5.0


def set_aside(facts: Facts) -> Check:
    """Whether state files lie there that couldn't be read."""
    path = facts.subject.config.state.dir
    try:
        names = sorted(bad.name for bad in path.glob("state.json.bad-*"))
    except OSError as error:
        return unknown("files.set_aside", Absent(f"{path} can't be listed: {error.strerror}."))
    numbers = {"files": len(names)}
    if not names:
        return Check("files.set_aside", State.OK, "No state file was set aside.", numbers=numbers)
    sentence = f"{amount(len(names), 'state file')} couldn't be read and was set aside, the last as {names[-1]}."
    hint = f"Was the disk full, or did somebody write it? Look at it, then delete it from {path}."
    return Check("files.set_aside", State.WARN, sentence, hint, numbers=numbers)


def room(facts: Facts) -> Iterator[Check]:
    """Whether the disks have room, each told once: the state's, the embedded database's, the bridge's."""
    seen: set[int] = set()
    for what, path in _places(facts):
        try:
            there = _standing(path)
            device, disk = there.stat().st_dev, os.statvfs(there)
        except OSError as error:
            yield unknown("files.room", Absent(f"The disk of {what} can't be seen: {error.strerror}."))
            continue
        if device not in seen:
            seen.add(device)
            yield _room(what, there, disk)


def _room(what: str, path: Path, disk: os.statvfs_result) -> Check:
    free_bytes = disk.f_bavail * disk.f_frsize
    few_files = disk.f_files > 0 and disk.f_favail < _TOO_FEW_FILES
    numbers = {"path": str(path), "free_bytes": free_bytes, "free_files": disk.f_favail}
    told = f"The disk of {what} has {size(free_bytes)} free"
    hint = f"Make room below {path}: where a disk is full, neither bridge nor wamon can record."
    if few_files:
        return Check("files.room", State.BAD, f"{told}, and nearly no file can be made.", hint, numbers=numbers)
    if free_bytes < _LITTLE_BYTES:
        state = State.BAD if free_bytes < _TOO_LITTLE_BYTES else State.WARN
        return Check("files.room", state, f"{told}.", hint, numbers=numbers)
    return Check("files.room", State.OK, f"{told}.", numbers=numbers)


def _places(facts: Facts) -> Iterator[tuple[str, Path]]:
    config, store = facts.subject.config, facts.subject.store
    yield "the state directory", config.state.dir
    if config.database.url is None:
        with suppress(WamonError):
            yield "the embedded database", embedded.home(config.state.dir).data
    if store is not None:
        yield "the bridge's store", real(store.path).parent


def _standing(path: Path) -> Path:
    """The path, or as much of it as exists."""
    return next(part for part in (path.absolute(), *path.absolute().parents) if part.exists())
