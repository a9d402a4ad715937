"""Reading a batch: as many pages as make a commit worth it, as long as they follow on each other, and what they say."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from wamon.bridge.columns import ColumnReader
from wamon.bridge.store import Rows, message_id_of, messages_of
from wamon.failpoints import failpoint
from wamon.ledger.columns import ReadColumns
from wamon.model import FROM_THE_BEGINNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wamon.bridge.store import Overlap, Page, Row, Store
    from wamon.drops.reading import Rules
    from wamon.ledger.drafts import Draft
    from wamon.model import Message, Place, Reading, Start

_MOST_IDS_TOLD = 20


class ReadBatch(NamedTuple):
    """A batch that was read, what its messages say, and what they write if all of them are new."""

    page: Page
    readings: list[Reading]
    texts_bytes: int
    new: Draft | None = None


class Reader(NamedTuple):
    """What reads a tail's rows. The starts are those of the groups whose start the tail hasn't passed, by JID."""

    store: Store
    rules: Rules
    wanted: Mapping[bytes, str]  # as `Store.read_page` takes them
    starts: Mapping[str, Start]

    def read(self, place: Place, overlap: Overlap) -> ReadBatch:
        """The next batch beyond a place. Raises as `Store.read_page`."""
        sizes = self.store.sizes
        page = self.store.read_page(place, self.wanted, overlap)
        readings = self._said(page.messages)
        size_bytes = _bytes(page.messages)
        for _ in range(1, sizes.pages_a_batch):
            if page.complete or size_bytes >= sizes.page_bytes:
                break
            following = self.store.read_page(page.place, self.wanted, overlap)
            if following.start != page.place:
                break
            page = page.with_following(following)
            readings += self._said(following.messages)
            size_bytes += _bytes(following.messages)
        return ReadBatch(page, readings, size_bytes)

    def rows(self, place: Place) -> Rows:
        """The same as the store holds them, of wanted chats."""
        pages = list(self.pages(place, self.store.sizes.pages_a_batch))
        rows, read = [row for page in pages for row in page.rows], sum(page.read for page in pages)
        return Rows(rows, pages[0].start, pages[-1].place, read, pages[-1].complete)

    def pages(self, place: Place, most: int) -> Iterator[Rows]:
        """A batch of at most so many pages: at least one look, each as it is taken."""
        sizes = self.store.sizes
        left, size_bytes = most * sizes.page_rows, 0
        while left > 0 and size_bytes < sizes.page_bytes:
            page = self.store.read_rows(place, self.wanted, left)
            if left < most * sizes.page_rows and page.start != place:
                return
            left, size_bytes, place = left - page.read, size_bytes + _raw_bytes(page.rows), page.place
            yield page
            if page.complete:
                return

    def said(self, rows: Sequence[Row]) -> list[Reading]:
        """What these rows say, each as a message of its own."""
        return self._said(messages_of(rows, self.wanted))

    def _said(self, messages: Sequence[Message]) -> list[Reading]:
        read, starts = self.rules.read, self.starts
        if starts:
            readings = [read(m, starts.get(m.chat_jid, FROM_THE_BEGINNING)) for m in messages]
        else:
            readings = list(map(read, messages))
        failpoint("drops.read")
        return readings


class ByColumns:
    """Reads pages of rows by columns, with what they say."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._columns = ColumnReader(reader.wanted)
        self._begins_behind = max([start.rowid for start in reader.starts.values()], default=0)

    def read(self, rows: Sequence[Row]) -> ReadColumns:
        """What a page of rows says. Of those before a group's start each is asked whether it stands there."""
        said = self._reader.said
        behind = bisect_right(rows, self._begins_behind, key=itemgetter(0))
        columns, regular, odd = self._columns.read(rows[behind:])
        found = self._reader.rules.read_columns(columns)
        return ReadColumns(columns, found, said([regular[n] for n in sorted(found.odd)]), said([*rows[:behind], *odd]))


def ids_of(messages: Sequence[Message]) -> list[str]:
    """The ids of the first messages: as many as are told of a batch."""
    return [message.message_id for message in messages[:_MOST_IDS_TOLD]]


def first_ids(rows: Sequence[Row]) -> list[str]:
    """The same of rows."""
    return [message_id_of(row) for row in rows[:_MOST_IDS_TOLD]]


def _raw_bytes(rows: Sequence[Row]) -> int:
    return sum([len(row[6]) for row in rows if type(row[6]) is bytes])


def _bytes(messages: Sequence[Message]) -> int:
    return sum([len(message.text) for message in messages])
