"""alerts.json in the state directory: the book of alerts, as the daemon and `wamon service stopped` share it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from wamon.alerts.model import Book
from wamon.errors import Fatal
from wamon.host.files import locked, replacing
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "alerts.json"
_MOST_BYTES = 64 * 1024 * 1024
_BOOKS = TypeAdapter(Book)


class AlertsFile:
    """The file. One that can't be written is kept in memory meanwhile: a full disk is to be told, too."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._unwritten: Book | None = None
        self._one_thread = threading.Lock()

    def read(self) -> Book:
        """What it says. Raises Fatal where this account may not see it; one that is torn says nothing."""
        try:
            return self._read()
        except OSError as error:
            hint = "Run this as root, or as the account of wamon's service."
            raise Fatal(f"{self.path} can't be read: {error.strerror}.", hint=hint) from None
        except ValueError:
            return Book()

    def read_kept(self) -> Book:
        """As `read`, but what couldn't be written counts."""
        return self._unwritten or self.read()

    def change(self, changed: Callable[[Book], Book]) -> Book:
        """Have it say what follows from what it says; that. A failure to write is told once, and stops nothing."""
        with self._one_thread:
            return self._change(changed)

    def _change(self, changed: Callable[[Book], Book]) -> Book:
        try:
            # One of the daemon and of what systemd runs after it reads and replaces the file at a time.
            with locked(self.path.with_name("alerts.lock")):
                former = self._unwritten or self._read_or_set_aside()
                book = changed(former)
                if book != former or self._unwritten is not None:
                    self._write(book)
        except OSError as error:
            book = changed(self._unwritten or Book())
            self._tell(error)
            self._unwritten = book
        else:
            self._unwritten = None
        return book

    def _tell(self, error: OSError) -> None:
        if self._unwritten is None:
            logger.warning(
                "%s couldn't be written: %s. What is firing is kept in memory, and may be told again after a restart.",
                self.path,
                error.strerror,
                extra={"action": "alerts.unwritten"},
            )

    def _read_or_set_aside(self) -> Book:
        try:
            return self._read()
        except ValueError:
            aside = self.path.with_name(f"{FILE}.bad")
            self.path.replace(aside)
            logger.warning("%s couldn't be read and was set aside.", self.path, extra={"action": "alerts.set_aside"})
            return Book()

    def _read(self) -> Book:
        try:
            with self.path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return Book()
        if len(content) > _MOST_BYTES:
            raise ValueError("too large for a book of alerts")
        try:
            return _BOOKS.validate_json(content)
        except ValidationError:
            raise ValueError("no book of alerts") from None

    def _write(self, book: Book) -> None:
        with replacing(self.path) as temporary:
            temporary.write_bytes(_BOOKS.dump_json(book, indent=1))
