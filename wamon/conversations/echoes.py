"""Our own answers come back: an outgoing message is ours or an operator's, and receipts tell what became of ours.

Each message is decided by one statement: in two, the send could end in between, and its echo pass for an operator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.postgres.queries import Queries
from wamon.replies.queue import said_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.conversations.model import Message, Verdict
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Receipt

SQL = Queries("wamon.conversations", "echoes")

_LONGEST_CODE = 20
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
    return [_whose(db, one) for one in outgoing]


def _whose(db: Database, one: Message) -> Verdict:
    rule, reply, was_unknown = SQL.run(
        db,
        "whose",
        chat=one.chat,
        person=one.person,
        message_id=one.message_id,
        local_id=one.local_id,
        said_hash=said_hash(one.jid, one.text),
        sent_at=one.sent_at,
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
