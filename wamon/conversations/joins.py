"""Two persons are found to be one: what hangs on the one hangs on the other, in mid-burst and in mid-turn too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations import contexts
from wamon.conversations.operators import leave_to_human
from wamon.conversations.turns import Transition, note
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from wamon.conversations.model import State
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "joins")


class _Held(NamedTuple):
    state: State
    last_seq: int
    answered_seq: int
    human_until: datetime | None


def join(db: Database, other: int, into: int) -> None:
    """Within a recording, under the account's lock: have each conversation of one person be that of another."""
    for b, b_uid, a, a_uid in SQL.run(db, "joinable", other=other, into=into).fetchall():
        if a is None:
            SQL.run(db, "hand_over", conversation=b, into=into)
        else:
            _merge(db, b, b_uid, a, a_uid)


def _merge(db: Database, b: int, b_uid: UUID, a: int, a_uid: UUID) -> None:
    """Merge conversation b into a.

    1. Both are held, by number. Where an operator talks in b, an operator talks in a.
    2. What is pending in b moves behind a's messages; what is only known moves too, and what is answered stays.
    3. a takes over b's times, burst, due time and what the agent knows. b ends, and its worker is out by its fence.
    """
    held = {number: _Held(*rest) for number, *rest in SQL.run(db, "lock_both", conversations=[a, b])}
    if held[b].state == "human":
        leave_to_human(db, [a], until=held[b].human_until)
        held = {number: _Held(*rest) for number, *rest in SQL.run(db, "lock_both", conversations=[a, b])}
    was = held[a].state
    both = {"other": b, "into": a}
    n = SQL.run(db, "move_pending", **both, answered_seq=held[b].answered_seq, last_seq=held[a].last_seq).rowcount
    SQL.run(db, "move_known", **both)
    is_now, correlation_id = SQL.run(db, "join", **both, n=n).fetchall()[0]
    SQL.run(db, "end_joined", other=b)
    SQL.run(db, "merge", **both)
    SQL.run(db, "follow_merge", **both)
    contexts.merge(db, b_uid, a_uid)
    changes = [Transition(b_uid, held[b].state, "merged", "joined", correlation_id)]
    if is_now != was:
        changes.append(Transition(a_uid, was, is_now, "joined", correlation_id))
    note(db, changes)
