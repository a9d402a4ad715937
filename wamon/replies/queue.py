"""What waits to be said, is being sent or was, as its sender and people look at it. Recordings and turns queue it.

Replies to posts, answers of bursts and digests of several late bursts are one queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.drops.normalization import normalise
from wamon.errors import UsageError
from wamon.model import content_hash
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.providers.deliveries import DIRECT, Alias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from wamon.config.schema import Config
    from wamon.postgres.connection import Database
    from wamon.providers.sending import Sent

SQL = Queries("wamon.replies", "queue")

State = Literal["due", "sending", "sent", "unknown", "failed", "skipped"]

_MOST_LATE = 20
"""Answers of a minute, of a source, to what waited for long: nobody is flooded after an outage."""


class Due(NamedTuple):
    """A reply that may be sent now."""

    reply: int
    jid: str
    chat: int
    message_id: str
    about: str
    kind: str
    project: str
    likely: str | None
    sender: str | None  # of the message that it answers; None where somebody deleted that from the ledger
    sent_at: datetime  # of that message
    attempts: int
    reason: str | None
    switched_off: bool
    agent_off: bool  # the agent says it, and is switched off
    was_lost: bool  # the database was lost or restored since: it may have been sent
    stands: bool  # the message still says what it answers
    body: str | None  # of an answer to a burst
    deadline: datetime
    conversation: int | None  # into which the burst's was joined, where it was
    account: str | None  # whose ids the person's are
    person: str | None  # the hash that stands for the person
    is_human: bool  # a colleague speaks with the person
    correlation_id: str | None  # of the turn that answers
    now: datetime  # by the clock by which it was queued

    @property
    def drop(self) -> str:
        """The drop number that it is about, or what was written in place of one."""
        return self.likely or self.about

    @property
    def is_of_post(self) -> bool:
        """Whether it answers a post by itself, and no burst."""
        return self.kind not in {"burst", "digest"}


class Listed(NamedTuple):
    """A reply as people look at it."""

    message_id: str
    about: str
    kind: str
    state: str
    project: str
    jid: str
    reason: str | None
    attempts: int
    sent_at: datetime
    queued_at: datetime
    tried_at: datetime | None
    changed_at: datetime
    next_try_at: datetime | None
    reply_id: str | None
    chat: int
    reply: int
    delivered_at: datetime | None
    read_at: datetime | None
    person: str | None  # the hash that stands for whom a burst is of
    sender: str | None  # who that is, as the ledger names senders


class Limits(NamedTuple):
    """How much is said in any minute: in all, and in one group; and how old a post may be."""

    per_minute: int
    per_group: int
    max_age: timedelta


class Queue:
    """One source's replies, for whoever holds its lease: to anybody else nothing is due. Runs within transactions."""

    def __init__(self, db: Database, source: str, holder: str, limits: Limits) -> None:
        self.db = db
        self._source = source
        self._mine = {"source": source, "holder": holder}
        self._limits = limits

    def forget_former(self, now: datetime) -> int:
        """Tell as unknown what somebody began to send and didn't end; how many."""
        return SQL.run(self.db, "forget_former", **self._mine, now=now).rowcount

    def next(self, now: datetime) -> Due | None:
        """The next one, held until the transaction's end; what another holds is passed over."""
        limits = {"per_group": self._limits.per_group, "max_age": self._limits.max_age, "most_late": _MOST_LATE}
        row = SQL.run(self.db, "next", **self._mine, **limits, now=now).fetchone()
        return Due(*row) if row else None

    def has_said_enough(self, now: datetime) -> bool:
        """Whether so many were sent, or perhaps were, as may be in a minute."""
        said = SQL.value(self.db, "tried_in_a_minute", source=self._source, now=now)
        return int(said) >= self._limits.per_minute

    def answered_since(self, drop: str, since: datetime) -> list[str]:
        """The senders of the messages to which something was, or perhaps was, said about a drop after this."""
        return SQL.rows(self.db, "answered_since", str, source=self._source, drop=drop, since=since)

    def aliases(self, due: Due) -> list[Alias]:
        """The person's whom it is for, at this moment, the last heard of first; none in a group."""
        if due.jid != DIRECT:
            return []
        return SQL.rows(self.db, "aliases", Alias, conversation=due.conversation)

    def begin(self, due: Due, said_hash: int) -> None:
        """Remember that it is being sent, before it is."""
        SQL.run(self.db, "begin", reply=due.reply, said_hash=said_hash, now=due.now)

    def put_back(self, due: Due, reason: str, pause: timedelta, now: datetime) -> None:
        """It certainly wasn't taken: try it again after this pause, unless it is too old then."""
        values = {"pause": pause, "deadline": due.deadline, "now": now if due.is_of_post else None}
        SQL.run(self.db, "again", reply=due.reply, reason=reason, **values)

    def end(self, due: Due, state: State, reason: str | None, now: datetime) -> None:
        """What became of it, other than `sent`."""
        self._end(due, state, reason, now)

    def end_sent(self, due: Due, sent: Sent, now: datetime) -> None:
        """It was taken; its conversation knows that we spoke."""
        if due.conversation is not None:
            conversation = self._locked(due.conversation)
            SQL.run(self.db, "spoke", conversation=conversation, reply=due.reply)
        self._end(due, "sent", None, now, sent.message_id, sent.local_id)

    def _end(
        self,
        due: Due,
        state: State,
        reason: str | None,
        now: datetime,
        reply_id: str | None = None,
        local_id: str | None = None,
    ) -> None:
        values = {"reply_id": reply_id, "local_id": local_id, "now": now if due.is_of_post else None}
        SQL.run(self.db, "end", reply=due.reply, state=state, reason=reason, **values)

    def _locked(self, conversation: int) -> int:
        """The conversation into which this one was joined, locked; itself where it wasn't."""
        while (into := SQL.value(self.db, "lock_conversation", conversation=conversation)) is not None:
            conversation = into
        return conversation


def said_hash(jid: str, text: str) -> int:
    """By what a reply is known again. In a group as the store's rows are; one-to-one, however a provider spaces it."""
    return content_hash(normalise(text).strip() if jid == DIRECT else text, "")


def has_work(db: Database, source: str, now: datetime) -> bool:
    """Whether a reply is due, or was left behind by somebody who began to send it."""
    with transaction(db):
        return bool(SQL.value(db, "has_work", source=source, now=now))


def database_of(db: Database) -> str:
    """What tells this database from every other."""
    with transaction(db):
        return str(SQL.value(db, "database"))


def listed(db: Database, source: str, since: datetime) -> list[Listed]:
    """A source's replies: those that something became of since then, and those that wait."""
    with transaction(db):
        return SQL.rows(db, "listed", Listed, source=source, since=since)


def discard(db: Database, sources: Sequence[str], message_id: str, now: datetime) -> list[str]:
    """Never send what waits to answer this message; what each was about."""
    with transaction(db):
        return sorted(SQL.rows(db, "discard", str, sources=list(sources), message_id=message_id, now=now))


class Patience(NamedTuple):
    """Within which time what is sent again is worth it: a post's reply, and an answer to a burst."""

    post: timedelta
    direct: timedelta
    group: timedelta


def patience(config: Config) -> Patience:
    """As the config has it."""
    conversations = config.conversations
    return Patience(config.replies.max_age, conversations.direct.answer_within, conversations.group.answer_within)


def resend(db: Database, config: Config, reply: int, now: datetime, who: str) -> str:
    """As `send_again`, of this config's sources; which one's it is. Noted as an action of somebody's."""
    with transaction(db):
        source = send_again(db, reply, now, patience(config), config.all_sources)
        SQL.run(db, "note", who=who, reply=reply)
    return source


def send_again(
    db: Database, reply: int, now: datetime, patience: Patience, sources: Sequence[str] | None = None
) -> str:
    """Have one be sent again of which nobody knows whether it was; its source. None: it may be any.

    Raises UsageError where it isn't unknown, or its text is no longer kept.
    """
    with transaction(db):
        among = None if sources is None else list(sources)
        found = SQL.run(db, "unknown", reply=reply, sources=among).fetchone()
        if found is None:
            raise UsageError(f"There is no reply {reply}.", hint="`wamon replies list` lists them with their numbers.")
        state, kind, has_body, chat_kind, source = found
        is_of_post = kind not in {"burst", "digest"}
        if state != "unknown":
            raise UsageError(f"Reply {reply} is {state}: only one that is unknown can be sent again.")
        if not (is_of_post or has_body):
            raise UsageError(
                f"The text of reply {reply} is no longer kept.", hint="conversations.keep_text says how long."
            )
        answer_within = patience.direct if chat_kind == "direct" else patience.group
        values = {"now": now, "patience": patience.post} if is_of_post else {"now": None, "patience": answer_within}
        SQL.run(db, "resend", reply=reply, **values)
    return str(source)


def prune_bodies(db: Database, keep_text: timedelta) -> None:
    """Forget the texts of answers that ended so long ago, a portion a transaction."""
    while True:
        with transaction(db):
            portion = SQL.run(db, "prune_bodies", keep_text=keep_text).rowcount
        if not portion:
            break


class Switches(NamedTuple):
    """Whether all that is said is switched off, and whether what the agent says is."""

    off: bool = False
    agent_off: bool = False


def switches(db: Database, *sources: str) -> Switches:
    """What of it holds for any of these: `wamon replies off`, `wamon replies off --agent`."""
    with transaction(db):
        found = [one for source in sources for one in SQL.rows(db, "switches", Switches, source=source)]
    return Switches(any(one.off for one in found), any(one.agent_off for one in found))


def switch(db: Database, source: str, *, off: bool) -> None:
    """Have `wamon replies off` hold, or no longer: whoever sends asks before each."""
    with transaction(db):
        SQL.run(db, "switch", source=source, off=off)


def switch_agent(db: Database, source: str, *, off: bool) -> None:
    """The same of what the agent says: whoever asks it, and whoever sends, asks before."""
    with transaction(db):
        SQL.run(db, "switch_agent", source=source, off=off)
