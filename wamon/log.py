"""Talk: what wamon tells people and the journal while it works. Never message text, never phone numbers.

Each record is a sentence in the past tense with a constant `action` and ids as extra fields.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from wamon.errors import WamonError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger("wamon")

_following: ContextVar[str | None] = ContextVar("following", default=None)
_steps: ContextVar[int] = ContextVar("steps", default=0)

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_encoded = json.JSONEncoder(ensure_ascii=False, default=str).encode


SENTENCE = "%(message)s"
WITH_TIME = "%(asctime)s %(levelname)-7s %(message)s"
"""For what runs on: when, by this host's clock and zone, and how grave."""


def configure(level: int = logging.WARNING, *, as_json: bool = False, form: str = SENTENCE) -> None:
    """Have wamon's talk go to stderr: sentences for people in this form, or one JSON object a line.

    `level` is what is usual; `talk` said before, or after, how far from it this process is.
    """
    handler = _Lines(sys.stderr, _Json() if as_json else _Sentences(form, "%Y-%m-%d %H:%M:%S%z"))
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # a third of a line's cost, and
    logging._srcfile = None  # noqa: SLF001 - documented as the way to it: no line says where it was written
    logger.handlers[:] = [handler]
    logger.setLevel(_level(level))
    logger.propagate = False


def talk(steps: int) -> None:
    """Log more than is usual by so many levels; -1: warnings and errors alone, and no progress."""
    _steps.set(steps)
    logger.setLevel(_level(logging.WARNING))


def is_quiet() -> bool:
    """Whether nothing is to be said but warnings and errors."""
    return _steps.get() < 0


def _level(usual: int) -> int:
    if is_quiet():
        return max(usual, logging.WARNING)
    return max(usual - 10 * _steps.get(), logging.DEBUG)


class correlated:  # noqa: N801 - it is used as a function
    """An id, this one or a new one, for what is done within the block: each record carries it as `correlation_id`."""

    __slots__ = ("_by", "_token")

    def __init__(self, by: str | None = None) -> None:
        self._by = by or str(uuid4())

    def __enter__(self) -> str:
        self._token = _following.set(self._by)
        return self._by

    def __exit__(self, *_: object) -> None:
        _following.reset(self._token)


def info_each(action: str, form: str, said: Sequence[tuple[str, tuple[object, ...]]]) -> None:
    """Log this form for each: an id of what it tells of, and its values. One write, where `configure` has it go.

    One record serves all, and what their lines share is made once: that would be most of what a line takes.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, form, (), None, extra={"action": action})
    for handler in logger.handlers:
        if isinstance(handler, _Lines):
            handler.write_each(record, said)


def correlation_id() -> str | None:
    """The id of what is being done, where anything is."""
    return _following.get()


def under_systemd() -> bool:
    """Whether stderr goes to the journal."""
    return "JOURNAL_STREAM" in os.environ


def tolerantly(name: str, chore: Callable[[], object]) -> None:
    """Do a chore in the background. A failure is logged, and stops nothing else."""
    try:
        chore()
    except Exception as error:  # noqa: BLE001 - see there
        log_failure(name, error)


def log_failure(name: str, error: Exception, *, unless: str | None = None) -> str:
    """Log that what runs in the background failed, unless that is the last that was logged of it; the sentence.

    Of what nobody foresaw only kind and place are said: its own words may quote a message.
    """
    if isinstance(error, WamonError):
        level, said = logging.WARNING, f"The {name} was put off. {error.paragraph()}"
    else:
        level, said = logging.ERROR, f"The {name} failed: {_place(error)}."
    if said != unless:
        logger.log(level, "%s", said, extra={"action": f"{name}.failed"})
    return said


def _place(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"


class _Lines(logging.StreamHandler[TextIO]):
    """Writes a line at once, or many together."""

    def __init__(self, stream: TextIO, form: _Sentences | _Json) -> None:
        super().__init__(stream)
        self.setFormatter(form)
        self._form = form

    def write_each(self, record: logging.LogRecord, said: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Write the record with each of these ids and values."""
        lines = self._form.each(record, said)
        self.acquire()
        try:
            self.stream.write("".join(f"{line}{self.terminator}" for line in lines))
            self.flush()
        except (OSError, ValueError):
            pass  # where a line can't be written, the work that it tells of goes on
        finally:
            self.release()


class _Sentences(logging.Formatter):
    """When by this host's clock and zone; hundreds of lines a second share theirs."""

    _second = -1
    _said = ""

    def each(self, record: logging.LogRecord, said: Sequence[tuple[str, tuple[object, ...]]]) -> list[str]:
        """The lines of a record with each of these values: a form ends with what is said."""
        form, record.msg = record.msg, ""
        beginning = self.format(record)
        return [beginning + form % values for _, values in said]

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        if self._second != (second := int(record.created)):
            self._second, self._said = second, super().formatTime(record, datefmt)
        return self._said


class _Json(logging.Formatter):
    def each(self, record: logging.LogRecord, said: Sequence[tuple[str, tuple[object, ...]]]) -> list[str]:
        """The lines of a record with each of these ids and values."""
        shared, form = self._beginning(record), record.msg
        return [_encoded({**shared, "correlation_id": by, "message": form % values}) for by, values in said]

    def format(self, record: logging.LogRecord) -> str:
        shared = self._beginning(record)
        if following := _following.get():
            shared.setdefault("correlation_id", following)
        return _encoded({**shared, "message": record.getMessage()})

    def _beginning(self, record: logging.LogRecord) -> dict[str, object]:
        """All but what is said."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        at = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        return {"at": f"{at}Z", "level": record.levelname.lower(), **fields}
