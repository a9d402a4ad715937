"""Our own answers come back: an outgoing message is ours or an operator's, and receipts tell what became of ours.

Each message is decided by one statement: in two, the send could end in between, and its echo pass for an operator's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wamon.drops.normalization import normalise
from wamon.postgres.queries import Queries
from wamon.replies.queue import said_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.conversations.model import Message, Verdict
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Receipt

SQL = Queries("wamon.conversations", "echoes")

_LONGEST_CODE = 20
_WORD = re.compile(r"[a-z0-9]+|[^\W\x00-\x7f]")
_BY_ID, _BY_TEXT, _PERHAPS, _SENDING = 1, 2, 3, 4
_MEANS: dict[int | None, Verdict] = {
    _BY_ID: "ours",
    _BY_TEXT: "ours",
    _PERHAPS: "ours",
    _SENDING: "later",
    None: "operator",
}


def whose(db: Database, outgoing: Sequence[Message]) -> list[Verdict]:
    """Within a recording, after its appends: whose these outgoing messages are. What is ours takes its id."""
    if not outgoing:
        return []
    uncertain = SQL.run(db, "uncertain", chats=list({one.chat for one in outgoing})).fetchall()
    return [
        _whose(db, one, [reply for reply, body in uncertain if says_something_else(one.text, body)]) for one in outgoing
    ]


def says_something_else(text: str, answer: str) -> bool:
    """Whether a text is clearly no altered form of an answer: they have no word in common.

    A provider may cut an answer, put a name before it or a footer behind, and change its spaces, emoji and markup: a
    word stays. Beyond ASCII each letter counts as one: not all scripts set spaces. A text without any may be anything.
    """
    said, answered = _words(text), _words(answer)
    return bool(said and answered) and said.isdisjoint(answered)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(normalise(text).casefold()))


def _whose(db: Database, one: Message, others: Sequence[int]) -> Verdict:
    rule, reply, was_unknown = SQL.run(
        db,
        "whose",
        chat=one.chat,
        person=one.person,
        message_id=one.message_id,
        local_id=one.local_id,
        said_hash=said_hash(one.jid, one.text),
        sent_at=one.sent_at,
        others=list(others),
    ).fetchone() or (None, None, False)
    if was_unknown and rule != _SENDING:
        SQL.run(db, "spoke", reply=reply)
    return _MEANS[rule]


def note_receipts(db: Database, source: str, receipts: Sequence[Receipt]) -> set[int]:
    """Within a transaction: note what became of our answers, which only moves forward.

    The places of those that may be about one that is being sent: its id isn't known yet.
    """
    if not receipts:
        return set()
    places = SQL.rows(
        db,
        "note_receipts",
        int,
        source=source,
        message_ids=[one.message_id for one in receipts],
        local_ids=[one.local_id for one in receipts],
        states=[one.state for one in receipts],
        codes=[_shown(one.code) for one in receipts],
    )
    return {n - 1 for n in places}


def _shown(code: str | None) -> str | None:
    """A code as people may see it, whatever a provider wrote in its place."""
    return code if code and code.isascii() and code.isalnum() and len(code) <= _LONGEST_CODE else None
