"""What asking the agent costs: a conversation's session counts its tokens, and so does each turn.

They are added before a call and set right after it; those of a call of which nobody knows what became of it stay spent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.conversations.turns import Turn
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "sessions")

_IDLE = timedelta(hours=24)
_MOST_TOKENS = 1_000_000_000
"""No answer costs as much: a server that says so is not believed more."""


class Reserved(NamedTuple):
    """What a call may cost, which is spent until somebody knows better."""

    turn: Turn
    session: int
    tokens: int


def reserve(db: Database, turn: Turn, tokens: int) -> Reserved:
    """Within a transaction before a call: spend its tokens, in a session that begins where there is none."""
    key = {"conversation": turn.conversation, "fence": turn.fence}
    return Reserved(turn, SQL.value(db, "reserve", **key, uid=turn.uid, tokens=tokens), tokens)


def settle(db: Database, reserved: Reserved, spent: int | None, *, messages: int = 0, errors: int = 0) -> None:
    """Within a transaction after a call: what it really cost, None where nobody knows."""
    turn = reserved.turn
    more = 0 if spent is None else min(spent, _MOST_TOKENS) - reserved.tokens
    key = {"conversation": turn.conversation, "fence": turn.fence}
    SQL.run(db, "settle", **key, session=reserved.session, more=more, messages=messages, errors=errors)


def give_up(db: Database, turn: Turn, state: Literal["failed", "timeout"]) -> None:
    """Within a transaction: end a session whose turn was given up. The next turn begins another."""
    SQL.run(db, "give_up", uid=turn.uid, state=state)


def complete(db: Database) -> int:
    """Within a transaction: end those in which nothing was said for a day; how many."""
    return SQL.run(db, "complete", idle=_IDLE).rowcount
