"""Conversations as rows, for what reads them: times are ages, by PostgreSQL's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from wamon.privacy import person_hash

PHONE = "27820000001"
"""As its own person types it: 082 000 0001."""


class Talks:
    """Conversations in a database whose schema is there."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def one(self, sql: str, **values: object) -> Any:
        """The first column of the first row; None of none."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            row = db.execute(sql, values).fetchone()
        return row and row[0]

    def run(self, sql: str, **values: object) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute(sql, values)

    def chat(self, source: str = "main", jid: str = "direct", project: str = "", kind: str = "direct") -> int:
        """A chat, made where it isn't there."""
        self.run("INSERT INTO wamon.sources (source) VALUES (%(source)s) ON CONFLICT DO NOTHING", source=source)
        found: int = self.one(
            """
            INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed, kind)
            VALUES (%(source)s, %(jid)s, %(project)s, 'main', 'beginning', true, %(kind)s)
            ON CONFLICT (source, jid) DO UPDATE SET kind = EXCLUDED.kind
            RETURNING chat
            """,
            source=source, jid=jid, project=project, kind=kind,
        )  # fmt: skip
        return found

    def person(self, phone: str = PHONE, account: str = "main", **more: str) -> int:
        """A person; `more`: further aliases by kind."""
        key = bytes(self.one("SELECT person_key FROM wamon.instance"))
        person: int = self.one(
            "INSERT INTO wamon.people (account, hash) VALUES (%(account)s, %(hash)s) RETURNING person",
            account=account, hash=person_hash(key, "phone", phone),
        )  # fmt: skip
        for kind, value in {"phone": phone, **more}.items():
            self.run(
                "INSERT INTO wamon.aliases (account, kind, value, person) "
                "VALUES (%(account)s, %(kind)s, %(value)s, %(person)s)",
                account=account, kind=kind, value=value, person=person,
            )  # fmt: skip
        return person

    def hashed(self, value: str = PHONE, kind: str = "phone") -> str:
        return person_hash(bytes(self.one("SELECT person_key FROM wamon.instance")), kind, value)

    def conversation(
        self, person: int, chat: int, state: str = "settling", *, overdue: float = -5, last: int = 1, answered: int = 0,
        began: float = 10, source: str = "main", **columns: object,
    ) -> int:  # fmt: skip
        """A conversation; `overdue` and `began` (of its burst) are seconds ago."""
        columns |= {"state": state, "last_seq": last, "answered_seq": answered}
        columns |= {"claimed_seq": last} if state == "processing" else {}
        made: int = self.one(
            f"""
            INSERT INTO wamon.conversations (source, chat, person, kind, due_at, burst_at, last_at, last_in_at,
                                             {", ".join(columns)})
            SELECT %(source)s, chat, %(person)s, kind, now() - %(overdue)s::interval, t.at, t.at, t.at,
                   {", ".join(f"%({name})s" for name in columns)}
            FROM wamon.groups CROSS JOIN (SELECT now() - %(began)s::interval AS at) AS t WHERE chat = %(chat)s
            RETURNING conversation
            """,
            source=source, chat=chat, person=person, began=timedelta(seconds=began),
            overdue=None if state in {"idle", "merged"} else timedelta(seconds=overdue), **columns,
        )  # fmt: skip
        return made

    def uid(self, conversation: int) -> UUID:
        found: UUID = self.one("SELECT uid FROM wamon.conversations WHERE conversation = %(c)s", c=conversation)
        return found

    def messages(
        self, conversation: int, *seqs: int | None, age: float = 10, role: str = "person", body: str | None = None
    ) -> None:
        """Messages of it, by their place; None: they have none."""
        for seq in seqs:
            self.run(
                """
                INSERT INTO wamon.conversation_messages
                    (chat, message_id, conversation, seq, role, part, sent_at, seen_at, body)
                SELECT chat, 'M' || conversation || '.' || coalesce(%(seq)s::text, gen_random_uuid()::text),
                       conversation, %(seq)s::int, %(role)s, 'text', t.at, t.at, %(body)s
                FROM wamon.conversations CROSS JOIN (SELECT now() - %(age)s::interval AS at) AS t
                WHERE conversation = %(conversation)s
                """,
                conversation=conversation, seq=seq, age=timedelta(seconds=age), role=role, body=body,
            )  # fmt: skip

    def turn(
        self, conversation: int, fence: int, first: int, last: int, outcome: str | None = "answered", *, ago: float = 5,
        seconds: float = 1, reason: str = "due", **columns: object,
    ) -> None:  # fmt: skip
        """A turn over these messages that ended so long ago; outcome None: it goes on, and began then."""
        columns |= {"fence": fence, "from_seq": first, "through_seq": last, "outcome": outcome, "reason": reason}
        self.run(
            f"""
            INSERT INTO wamon.turns
                (conversation, due_at, started_at, ended_at, work_ms, guard_ms, {", ".join(columns)})
            SELECT %(conversation)s, t.at, t.at, CASE WHEN %(outcome)s::text <> '' THEN now() - %(ago)s::interval END,
                   %(work)s, 2, {", ".join(f"%({name})s" for name in columns)}
            FROM (SELECT now() - %(began)s::interval AS at) AS t
            """,
            conversation=conversation, ago=timedelta(seconds=ago), began=timedelta(seconds=ago + seconds),
            work=seconds * 1000, **columns,
        )  # fmt: skip

    def burst(
        self, conversation: int, fence: int, at: datetime, outcome: str = "answered", after: float | None = None,
        **turn: object,
    ) -> None:  # fmt: skip
        """A burst of one message, which came a minute before it was closed; answered `after` seconds after it came."""
        of_it = {"at": at, "conversation": conversation, "fence": fence}
        this = "conversation = %(conversation)s AND fence = %(fence)s"
        self.messages(conversation, fence)
        self.turn(conversation, fence, fence, fence, outcome, **turn)  # type: ignore[arg-type]
        self.run(f"UPDATE wamon.turns SET ended_at = %(at)s WHERE {this}", **of_it)
        self.run(
            "UPDATE wamon.conversation_messages SET seen_at = %(at)s - interval '60 s' "
            "WHERE conversation = %(conversation)s AND seq = %(fence)s",
            **of_it,
        )
        if after is not None:
            self.reply(conversation, fence, fence)
            tried_at = at + timedelta(seconds=after - 60)
            self.run(f"UPDATE wamon.replies SET tried_at = %(tried_at)s WHERE {this}", tried_at=tried_at, **of_it)

    def dead_letter(self, chat: int, letter: str) -> None:
        """A burst that was given up, as `wamon dead list` has it."""
        self.run(
            """
            INSERT INTO wamon.dead_letters (chat, message_id, kind, reason, attempts, failed_at, correlation_id)
            VALUES (%(chat)s, %(letter)s, 'turn', 'ValueError', 4, now(), gen_random_uuid())
            """,
            chat=chat, letter=letter,
        )  # fmt: skip

    def transition(self, conversation: int, before: str | None, after: str, reason: str, ago: float = 5) -> None:
        self.run(
            """
            INSERT INTO wamon.conversation_state_transitions (conversation_id, from_state, to_state, transition_reason,
                                                              created_at)
            VALUES (%(uid)s, %(before)s, %(after)s, %(reason)s, now() - %(ago)s::interval)
            """,
            uid=self.uid(conversation), before=before, after=after, reason=reason, ago=timedelta(seconds=ago),
        )  # fmt: skip

    def reply(self, conversation: int, through: int, fence: int, state: str = "sent", *, ago: float = 4) -> None:
        """The answer of a turn, queued by its last message."""
        self.run(
            """
            INSERT INTO wamon.replies (chat, message_id, about, project, kind, state, queued_at, changed_at,
                                       next_try_at, conversation, through_seq, fence, sent_at)
            SELECT m.chat, m.message_id, '', '', 'burst', %(state)s, t.at, t.at, now(), m.conversation, m.seq,
                   %(fence)s, m.sent_at
            FROM wamon.conversation_messages AS m CROSS JOIN (SELECT now() - %(ago)s::interval AS at) AS t
            WHERE m.conversation = %(conversation)s AND m.seq = %(through)s
            """,
            conversation=conversation, through=through, fence=fence, state=state, ago=timedelta(seconds=ago),
        )  # fmt: skip
