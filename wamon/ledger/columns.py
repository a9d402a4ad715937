"""A batch's draft by columns: the rows that `Drafter` makes of its messages, without an object for each of them."""

from __future__ import annotations

from _blake2 import blake2b
from collections import Counter
from functools import cache
from itertools import repeat
from operator import add, itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wamon.ledger.drafts import BROUGHT, LEDGER, SAID, SUBMISSION, Draft, last_of, origin_fields, posts_of, stanza_field
from wamon.ledger.posts import Posts
from wamon.model import content_hasher
from wamon.postgres.copy import EIGHT, NULL, each_encoded, encoded, in_chunks, int8s, text, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from wamon.drops.page import Said
    from wamon.ledger.drafts import Drafter, Last
    from wamon.ledger.posts import Post
    from wamon.model import Columns, Group, Label, Reading

T = TypeVar("T")

_SAYS_NOTHING = NULL + NULL
"""Neither a text that is kept nor numbers."""


class ReadColumns(NamedTuple):
    """A page of messages, and what they say."""

    columns: Columns
    said: Said
    odd: Sequence[Reading]  # of those among the columns that `said` calls odd, in their order
    beside: Sequence[Reading]  # of rows that are in no column
    uids: Sequence[bytes] = ()  # of messages that hooks brought: their deliveries' UUIDs, and none is beside


class _Chat(NamedTuple):
    """A chat's number, as a field of a row, and its project, also as one."""

    number: bytes
    project: str
    project_field: bytes


class _Fields(NamedTuple):
    """Columns as fields of rows."""

    chats: Sequence[_Chat]
    message_ids: Sequence[bytes]
    sent_ats: Sequence[bytes]
    senders: Sequence[bytes]
    stanzas: Sequence[bytes]  # of what hooks brought


class ColumnDrafter:
    """Makes drafts of one drafter's, page by page, in row order. A post without a time is of now."""

    def __init__(self, drafter: Drafter, groups: Mapping[str, Group | Label], now: datetime) -> None:
        self._drafter = drafter
        self._groups = groups
        self._now = now
        self._no_drop, self._blanked, self._done = (
            drafter.verdict(reason) + EIGHT for reason in ("no-drop", "blanked", None)
        )
        self._kept_since = drafter.kept_since()
        self._chat = cache(lambda jid: _chat(groups[jid]))
        self._one_number = cache(lambda length: texts(["0" * length])[: -len(text("0" * length))])
        self._begin()

    def __reduce__(self) -> tuple[type[ColumnDrafter], tuple[Drafter, Mapping[str, Group | Label], datetime]]:
        """Another process begins with nothing drafted."""
        return ColumnDrafter, (self._drafter, self._groups, self._now)

    def _begin(self) -> None:
        self._rows: dict[bytes, bytes] = {}  # of the ledger, by message id
        self._posts: list[Post] = []
        self._near: list[tuple[bytes, Reading]] = []
        self._messages: Counter[str] = Counter()
        self._last: dict[str, Last] = {}

    def add(self, page: ReadColumns) -> None:
        """Draft a page."""
        columns, said, odd, beside, uids = page
        fields = self._fields(columns, is_brought=bool(uids))
        self._note(columns, fields, beside)
        verdicts, said_fields = self._nothing_said(columns)
        if posted := [(n, numbers) for n, numbers in said.numbers.items() if n not in said.odd]:
            self._post(columns, fields, posted, verdicts, said_fields)
        chats, message_ids, sent_ats, senders, stanzas = fields
        numbers = [chat.number for chat in chats]
        heads = [BROUGHT if uids else LEDGER] * len(numbers)
        ends = origin_fields(uids, stanzas) if uids else [b""] * len(numbers)
        kept = verdicts, hashes_of(columns), sent_ats, senders, said_fields
        rows = zip(heads, numbers, message_ids, *kept, ends, strict=True)
        self._rows.update(zip(columns.message_ids, map(b"".join, rows), strict=True))
        for reading in (*odd, *beside):
            self._add(reading)
        if uids:
            self._end_odd_with(columns.message_ids, ends, sorted(said.odd))

    def draft(self) -> Draft | None:
        """The draft of the pages since the last one; None where a message comes twice, of which one counts."""
        rows, posts, near, messages, last = self._rows, self._posts, self._near, self._messages, self._last
        self._begin()
        if len(rows) != messages.total():
            return None
        ledger_rows = list(in_chunks(map(rows.pop, sorted(rows))))
        sorted_posts, submission_rows = Posts.of(posts)
        return Draft(
            readings=None,
            ledger_rows=ledger_rows,
            posts=sorted_posts,
            submission_rows=list(in_chunks(submission_rows)),
            near=[reading for _, reading in sorted(near, key=itemgetter(0))],
            messages=messages,
            last=last,
        )

    def _end_odd_with(self, message_ids: Sequence[bytes], ends: Sequence[bytes], odd: Sequence[int]) -> None:
        """Have the rows of messages that were drafted alone be those of messages that hooks brought."""
        for n in odd:
            message_id = message_ids[n]
            self._rows[message_id] = b"".join((BROUGHT, self._rows[message_id][len(LEDGER) :], ends[n]))

    def _note(self, columns: Columns, fields: _Fields, beside: Sequence[Reading]) -> None:
        """Note whose the messages of a page are."""
        jids: Sequence[str] = columns.jids
        lasts: Iterable[Last] = map(add, fields.sent_ats, columns.message_ids)
        if beside:
            others = [(message.rowid, message.chat_jid, last_of(message)) for message, *_ in beside]
            in_order = sorted([*zip(columns.rowids, jids, lasts, strict=True), *others], key=itemgetter(0))
            jids, lasts = [jid for _, jid, _ in in_order], [last for *_, last in in_order]
        self._messages.update(jids)
        self._last.update(zip(jids, lasts, strict=True))

    def _fields(self, columns: Columns, *, is_brought: bool) -> _Fields:
        senders = {sender: encoded(sender) for sender in set(columns.senders)}
        return _Fields(
            list(map(self._chat, columns.jids)),
            each_encoded(columns.message_ids),
            int8s(columns.sent_ats),
            [senders[sender] for sender in columns.senders],
            list(map(stanza_field, columns.message_ids)) if is_brought else (),
        )

    def _nothing_said(self, columns: Columns) -> tuple[list[bytes], list[bytes]]:
        """The verdicts of messages that hold no number, and their texts and numbers."""
        verdicts = [self._no_drop] * len(columns.rowids)
        if b"" in columns.texts:
            for n, (said, media_type) in enumerate(zip(columns.texts, columns.media_types, strict=True)):
                if not said and not media_type:
                    verdicts[n] = self._blanked
        return verdicts, [_SAYS_NOTHING] * len(verdicts)

    def _post(
        self,
        columns: Columns,
        fields: _Fields,
        posted: Sequence[tuple[int, Sequence[str]]],
        verdicts: list[bytes],
        said_fields: list[bytes],
    ) -> None:
        """Draft the posts of messages, at least one, by their places; note verdicts, and texts and numbers."""
        each = [(n, numbers[0]) for n, numbers in posted if len(numbers) == 1]
        several = [(n, dict.fromkeys(numbers)) for n, numbers in posted if len(numbers) > 1]
        each += [(n, number) for n, numbers in several for number in numbers]
        places, numbers = zip(*each, strict=True)
        number_fields = each_encoded(map(str.encode, numbers))
        self._posts += _posts(columns, fields, places, numbers, number_fields)
        held = self._held(columns, places)
        one_number = self._one_number
        for n, number, text_field, number_field in zip(places, numbers, held, number_fields, strict=True):
            verdicts[n], said_fields[n] = self._done, text_field + one_number(len(number)) + number_field
        for n, distinct in several:
            said_fields[n] = b"".join((*self._held(columns, [n]), texts(tuple(distinct))))

    def _held(self, columns: Columns, places: Sequence[int]) -> list[bytes]:
        """The texts of the messages at these places, where they are young enough to be kept."""
        said, sent_ats, since = columns.texts, columns.sent_ats, self._kept_since
        return [encoded(said[n]) if sent_ats[n] >= since else NULL for n in places]

    def _add(self, reading: Reading) -> None:
        """Draft one message as `Drafter` does."""
        message = reading.message
        message_id = message.message_id.encode()
        (row,) = self._drafter.rows([reading], self._groups)
        self._rows[message_id] = b"".join(row)
        group = self._groups[message.chat_jid]
        self._posts += posts_of(reading, group, self._now)
        if reading.near:
            self._near.append((message_id, reading))


def _posts(
    columns: Columns, fields: _Fields, places: Sequence[int], numbers: Sequence[str], number_fields: Sequence[bytes]
) -> Iterable[Post]:
    """The posts of messages at these places, one number each."""
    at = at_places(places)
    chats, message_ids, sent_ats, senders, known_stanzas = fields
    chat_numbers, projects, project_fields = zip(*at(chats), strict=True)
    ids, from_me = at(columns.message_ids), at(columns.from_me)
    said = [SAID[ours] for ours in from_me]
    stanzas = at(known_stanzas) if known_stanzas else map(stanza_field, ids)
    head = [SUBMISSION] * len(places), chat_numbers, at(message_ids), number_fields, project_fields
    rows = map(b"".join, zip(*head, at(sent_ats), at(senders), said, stanzas, strict=True))
    rest = at(columns.rowids), at(columns.jids), at(columns.senders), at(columns.sent_ats), from_me
    return zip(projects, numbers, ids, rows, *rest, repeat(True))


def at_places(places: Sequence[int]) -> Callable[[Sequence[T]], Sequence[T]]:
    """What takes from a column what stands at these places."""
    return itemgetter(*places) if len(places) > 1 else lambda column: [column[n] for n in places]


def hashes_of(columns: Columns) -> list[bytes]:
    """The content hash of each message, big-endian."""
    hasher = cache(lambda media_type: content_hasher(media_type).copy)
    hashers = [copied() for copied in map(hasher, columns.media_types)]
    for _ in map(blake2b.update, hashers, columns.texts):
        pass
    return list(map(blake2b.digest, hashers))


def _chat(group: Group | Label) -> _Chat:
    number = encoded(group.chat.to_bytes(4, "big"))  # `int4` and `known_text` would remember each beside us
    return _Chat(number, group.project, text(group.project))
