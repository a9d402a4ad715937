"""What a message means under today's rules: which drops it submits, or why none. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from wamon.drops.extraction import EXTRACTION_VERSION, Extractor
from wamon.drops.near import Nearness
from wamon.drops.normalization import MARKED_DIGITS, normalise
from wamon.drops.page import PageReader
from wamon.model import BEFORE_START, FROM_THE_BEGINNING, Reading, sender_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from wamon.drops.page import Said
    from wamon.model import Columns, Message, NearMiss, Start


_DIGIT = re.compile(f"[0-9{MARKED_DIGITS}]").search


class Rules:
    """How texts are read: the pattern, and whose messages don't count: `ignore_senders` in every form that is known.

    Raises ValueError for a pattern that re2 refuses.
    """

    def __init__(self, pattern: str, *, ignore_from_me: bool = False, ignore_senders: tuple[str, ...] = ()) -> None:
        self._made = partial(Rules, pattern, ignore_from_me=ignore_from_me, ignore_senders=ignore_senders)
        self._extractor = Extractor(pattern)
        self._nearness = Nearness(pattern, self._extractor.is_number)
        self._ignore_from_me = ignore_from_me
        self.ignored = frozenset(sender_parts(sender)[0] for sender in ignore_senders)
        self._spelled = repr((EXTRACTION_VERSION, pattern, ignore_from_me, sorted(self.ignored)))

    @property
    def fingerprint(self) -> str:
        """Equal for rules that read every text alike; no sender can be read from it."""
        from hashlib import sha256

        return sha256(self._spelled.encode()).hexdigest()[:16]

    def __reduce__(self) -> tuple[Callable[[], Rules], tuple[()]]:
        """Compiled patterns can't be pickled: another process compiles its own."""
        return self._made, ()

    def read(self, message: Message, start: Start = FROM_THE_BEGINNING) -> Reading:
        """The message's drop numbers, or the reason why it has none; and what was meant as one and isn't."""
        if start is not FROM_THE_BEGINNING and start.excludes(message):
            return Reading(message, (), BEFORE_START)
        if self._ignore_from_me and message.from_me:
            return Reading(message, (), "from-me")
        if self.ignored and sender_parts(message.sender)[0] in self.ignored:
            return Reading(message, (), "sender")
        text = normalise(message.text)
        if _DIGIT(text) is None:  # neither a drop nor a near miss is without one
            return Reading(message, (), _why_none(message, ()))
        numbers = self._extractor.numbers_in(text)
        near = self._nearness.misses(text, numbers)
        return Reading(message, numbers, None if numbers else _why_none(message, near), near)

    def read_columns(self, columns: Columns) -> Said:
        """What messages say that stand behind their groups' starts: what `read` says of them, but for the odd ones."""
        said = self._page.read(columns.texts, columns.joined)
        if self._ignore_from_me:
            said.odd.update(n for n, from_me in enumerate(columns.from_me) if from_me)
        if self.ignored:
            is_ignored = cache(lambda sender: sender_parts(sender.decode())[0] in self.ignored)
            said.odd.update(n for n, sender in enumerate(columns.senders) if is_ignored(sender))
        return said

    @cached_property
    def _page(self) -> PageReader:
        return PageReader(self._extractor.direct, self._nearness.harmless)


def _why_none(message: Message, near: tuple[NearMiss, ...]) -> str:
    """Bridges never store a row with neither text nor media: something emptied that one."""
    if near:
        return "near-miss"
    return "no-drop" if message.text or message.media_type else "blanked"
