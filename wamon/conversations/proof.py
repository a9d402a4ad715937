"""The proof that each message that waits for an answer gets one: messages, turns and answers against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations.model import FINISHED
from wamon.postgres.connection import UNHURRIED_SECONDS, snapshot
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "proof")

_MOST = 1_000
_DETAILS = {
    "lost_messages": "lacks its messages {first} to {last}",
    "lost_last_messages": "lacks its messages {first} to {last}",
    "misplaced_turns": "has a finished turn from message {first}, where {last} is next",
    "misplaced_ends": "is answered up to message {first}, and its last finished turn ends at {last}",
    "second_answers": "has more than one answer to one turn, the second to message {last}",
    "misspent_tokens": "has sessions of {first} tokens, and turns of {last}",
    "both_kinds": "is answered as a post, and as message {first} of a burst",
}
"""What each query finds, of a conversation or a message."""


class Flaw(NamedTuple):
    """What is wrong. `uid` or `message_id`: of which it is."""

    uid: str
    message_id: str | None
    detail: str


class Proof(NamedTuple):
    """What was looked at, and what doesn't hold; at most a thousand of each kind."""

    turns: int
    flaws: Sequence[Flaw]


def prove(db: Database, sources: Sequence[str]) -> Proof:
    """Compare all that is kept of these sources' conversations: what is older than 90 days is pruned.

    Each message stands at one place; what is answered is in one finished turn, what isn't in none; a turn has one
    answer at most, and a message answers of one kind. All of one moment, whoever works meanwhile.
    """
    values = {"sources": list(sources), "closed": [*sorted(FINISHED), "reopened"], "most": _MOST}
    with snapshot(db, UNHURRIED_SECONDS):
        flaws = [
            Flaw(uid, message_id, detail.format(first=first, last=last))
            for query, detail in _DETAILS.items()
            for uid, message_id, first, last in SQL.run(db, query, **values)
        ]
        return Proof(SQL.value(db, "turns", **values), flaws)
