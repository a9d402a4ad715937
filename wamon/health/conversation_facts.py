"""What health asks PostgreSQL of conversations: who waits and for how long, what was given up, how turns go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = Queries("wamon.health", "conversation_facts")


class ConversationFacts(NamedTuple):
    """Of the sources that this config works on."""

    waiting: int = 0  # conversations without an answer, but those that a colleague took
    oldest_at: datetime | None = None  # since when the first of them waits
    orphans: int = 0  # over a minute overdue
    stuck: int = 0  # over five minutes overdue, or with a lease that ended two minutes ago
    stale: int = 0  # whose last burst of seven days was too old to answer, and is answered by nobody since
    dead: int = 0  # likewise, given up after four tries
    errors: int = 0  # turns of the last hour that failed, though the fallback may have been sent
    slow_ms: float | None = None  # how long nineteen of twenty turns of the last hour took at most
    double_starts: int = 0  # of the last hour: within a minute, with no turn between
    missed: int = 0  # messages of the last hour that colleagues and people wrote between our answers
    agent_off: bool = False  # `wamon replies off --agent` holds of one of them
    agent_rests_until: datetime | None = None  # before then nobody asks it


def conversation_facts(db: Database, sources: Sequence[str]) -> ConversationFacts:
    """All of it, by the database's clock. Raises as `transaction` does."""
    with transaction(db):
        (waiting,) = SQL.run(db, "waiting", sources=list(sources))
        (unanswered,) = SQL.run(db, "unanswered", sources=list(sources))
        (lately,) = SQL.run(db, "lately", sources=list(sources))
        (agent,) = SQL.run(db, "agent", sources=list(sources))
    return ConversationFacts(*waiting, *unanswered, *lately, *agent)
