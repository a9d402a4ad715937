"""Many texts, read at once: what nearly all of them say, in two passes over a page. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.normalization import MARKED_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wamon.drops.extraction import Direct

_DIGIT = re.compile(rf"[\d{MARKED_DIGITS}]").search
_BETWEEN = "\0"
"""What parts texts: no part of a number or of a near miss."""


class Said(NamedTuple):
    """What the texts of a page say, each by its place there; what isn't named says nothing."""

    numbers: dict[int, list[str]]  # the drop numbers of those that hold any
    odd: set[int]  # those that must be read by themselves


class PageReader:
    """Reads texts of UTF-8 without NUL by one pattern. What it doesn't call odd, says what `Rules.read` says."""

    def __init__(self, direct: Direct | None, harmless: re.Pattern[str]) -> None:
        self._letters = direct.letters if direct else ""
        self._found: Callable[[str], list[str]] | None = direct.scanner(_BETWEEN).findall if direct else None
        self._harmless = harmless.match

    def read(self, texts: Sequence[bytes], joined: bytes) -> Said:
        """What each of the texts says; `joined` are all of them, with NUL between."""
        odd = set()
        if not joined.isascii():
            odd = {n for n, text in enumerate(texts) if not text.isascii() and _DIGIT(text.decode())}
            joined = b"\0".join([text if text.isascii() else b"" for text in texts])
        page = joined.decode("ascii")
        if self._found is None:
            return Said({}, odd | {n for n, text in enumerate(texts) if _DIGIT(text.decode())})
        odd.update(self._harmful(page))
        return Said(self._numbers(self._found(page)), odd)

    def _numbers(self, found: Iterable[str]) -> dict[int, list[str]]:
        """Numbers by the place of their text. Between texts something empty was found."""
        numbers: dict[int, list[str]] = {}
        at = 0
        for digits in found:
            if not digits:
                at += 1
            elif at in numbers:
                numbers[at].append(self._letters + digits)
            else:
                numbers[at] = [self._letters + digits]
        return numbers

    def _harmful(self, page: str) -> list[int]:
        """The places of the texts that may hold a near miss."""
        harmful = []
        at, passed = 0, 0
        while (stopped := self._harmless(page, at).end()) < len(page):  # type: ignore[union-attr]
            passed += page.count(_BETWEEN, at, stopped)
            harmful.append(passed)
            at = page.find(_BETWEEN, stopped)
            if at < 0:
                break
        return harmful
