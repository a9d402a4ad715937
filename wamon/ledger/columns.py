"""A batch's draft by columns: the rows that `Drafter` makes of its messages, without an object for each of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.drafts import BROUGHT, LEDGER, SAID, SUBMISSION, Draft, last_of, posts_of
from wamon.ledger.posts import Posts
from wamon.model import content_hasher
from wamon.postgres.copy import EIGHT, NULL, encoded, in_chunks, int4, int8s, known_text, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wamon.drops.page import Said
    from wamon.ledger.drafts import Drafter, Last
    from wamon.ledger.posts import Post
    from wamon.model import Columns, Group, Reading

_SAYS_NOTHING = NULL + NULL
"""Neither a text that is kept nor numbers."""


class ReadColumns(NamedTuple):
    """A page of messages, and what they say."""

    columns: Columns
    said: Said
    odd: Sequence[Reading]  # of those among the columns that `said` calls odd, in their order
    beside: Sequence[Reading]  # of rows that are in no column
    origins: Sequence[bytes] = ()  # of messages that hooks brought: what their rows end with, and none is beside


class _Chat(NamedTuple):
    """What the rows of a chat's messages and submissions begin with, and its project, also as a field."""

    message: bytes
    submission: bytes
    project: str
    project_field: bytes


class ColumnDrafter:
    """Makes drafts of one drafter's, page by page, in row order. A post without a time is of now."""

    def __init__(self, drafter: Drafter, groups: Mapping[str, Group], now: datetime) -> None:
        self._drafter = drafter
        self._groups = groups
        self._now = now
        self._no_drop, self._blanked, self._done = (
            drafter.verdict(reason) + EIGHT for reason in ("no-drop", "blanked", None)
        )
        self._kept_since = drafter.kept_since()
        self._chat = cache(lambda jid: _chat(groups[jid]))
        self._one_number = cache(lambda length: texts(["0" * length])[: -len(text("0" * length))])
        self._sender = lru_cache(maxsize=4096)(encoded)
        self._begin()

    def _begin(self) -> None:
        self._rows: dict[bytes, bytes] = {}  # of the ledger, by message id
        self._posts: defaultdict[str, list[Post]] = defaultdict(list)
        self._near: list[tuple[bytes, Reading]] = []
        self._jids: list[str] = []  # of each message, in row order
        self._lasts: list[Last] = []  # the same messages: the last one of a chat is that chat's

    def add(self, page: ReadColumns) -> None:
        """Draft a page."""
        columns, said, odd, beside, origins = page
        self._note(columns, beside)
        message_ids, sent_ats = list(map(encoded, columns.message_ids)), int8s(columns.sent_ats)
        fields = list(zip(message_ids, sent_ats, map(self._sender, columns.senders), strict=True))
        verdicts, said_fields = self._nothing_said(columns)
        for n, numbers in said.numbers.items():
            if n not in said.odd:
                verdicts[n], said_fields[n] = self._done, self._posted(columns, n, numbers, fields[n])
        chat = self._chat
        heads = [chat(jid).message for jid in columns.jids]
        rows = [
            b"".join((head, message_id, verdict, hashed, sent_at, sender, said_field))
            for head, (message_id, sent_at, sender), verdict, hashed, said_field in zip(
                heads, fields, verdicts, hashes_of(columns), said_fields, strict=True
            )
        ]
        self._rows.update(zip(columns.message_ids, rows, strict=True))
        for reading in (*odd, *beside):
            self._add(reading)
        if origins:
            self._end_with(columns.message_ids, origins)

    def draft(self) -> Draft | None:
        """The draft of the pages since the last one; None where a message comes twice, of which one counts."""
        rows, posts, near = self._rows, self._posts, self._near
        jids, lasts = self._jids, self._lasts
        self._begin()
        if len(rows) != len(jids):
            return None
        sorted_posts, submission_rows = Posts.of(posts)
        return Draft(
            readings=None,
            ledger_rows=list(in_chunks([rows[message_id] for message_id in sorted(rows)])),
            posts=sorted_posts,
            submission_rows=list(in_chunks(submission_rows)),
            near=[reading for _, reading in sorted(near, key=itemgetter(0))],
            messages=Counter(jids),
            last=dict(zip(jids, lasts, strict=True)),
        )

    def _end_with(self, message_ids: Sequence[bytes], origins: Sequence[bytes]) -> None:
        """Have the rows of these messages be those of messages that hooks brought."""
        rows, behind = self._rows, len(LEDGER)
        for message_id, origin in zip(message_ids, origins, strict=True):
            rows[message_id] = b"".join((BROUGHT, rows[message_id][behind:], origin))

    def _note(self, columns: Columns, beside: Sequence[Reading]) -> None:
        """Note whose the messages of a page are."""
        jids: Sequence[str] = columns.jids
        lasts: list[Last] = list(zip(columns.message_ids, columns.sent_ats, strict=True))
        if beside:
            others = [(message.rowid, message.chat_jid, last_of(message)) for message, *_ in beside]
            in_order = sorted([*zip(columns.rowids, jids, lasts, strict=True), *others], key=itemgetter(0))
            jids, lasts = [jid for _, jid, _ in in_order], [last for *_, last in in_order]
        self._jids += jids
        self._lasts += lasts

    def _nothing_said(self, columns: Columns) -> tuple[list[bytes], list[bytes]]:
        """The verdicts of messages that hold no number, and their texts and numbers."""
        verdicts = [self._no_drop] * len(columns.rowids)
        if b"" in columns.texts:
            for n, (said, media_type) in enumerate(zip(columns.texts, columns.media_types, strict=True)):
                if not said and not media_type:
                    verdicts[n] = self._blanked
        return verdicts, [_SAYS_NOTHING] * len(verdicts)

    def _posted(self, columns: Columns, n: int, numbers: list[str], fields: tuple[bytes, bytes, bytes]) -> bytes:
        """Draft the posts of one message; its text, where it is kept, and its numbers."""
        jid, sent_at, from_me = columns.jids[n], columns.sent_ats[n], columns.from_me[n]
        message_id, sent_at_field, sender = fields
        chat = self._chat(jid)
        rest = columns.rowids[n], jid, columns.senders[n], sent_at, from_me, True
        for number in dict.fromkeys(numbers):
            number_field = text(number)
            row = b"".join(
                (chat.submission, message_id, number_field, chat.project_field, sent_at_field, sender, SAID[from_me])
            )
            self._posts[chat.project].append((number, columns.message_ids[n], row, *rest))
        held = encoded(columns.texts[n]) if sent_at >= self._kept_since else NULL
        if len(numbers) > 1:
            return held + texts(tuple(dict.fromkeys(numbers)))
        return held + self._one_number(len(number)) + number_field

    def _add(self, reading: Reading) -> None:
        """Draft one message as `Drafter` does."""
        message = reading.message
        message_id = message.message_id.encode()
        (row,) = self._drafter.rows([reading], self._groups)
        self._rows[message_id] = b"".join(row)
        group = self._groups[message.chat_jid]
        self._posts[group.project] += posts_of(reading, group, self._now)
        if reading.near:
            self._near.append((message_id, reading))


def hashes_of(columns: Columns) -> list[bytes]:
    """The content hash of each message, big-endian."""
    hasher = cache(lambda media_type: content_hasher(media_type).copy)
    return [
        (one := hasher(media_type)()).update(said) or one.digest()  # type: ignore[func-returns-value]
        for media_type, said in zip(columns.media_types, columns.texts, strict=True)
    ]


def _chat(group: Group) -> _Chat:
    number = int4(group.chat)
    return _Chat(LEDGER + number, SUBMISSION + number, group.project, known_text(group.project))
