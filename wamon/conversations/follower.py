"""Follows a recording: each new message finds its conversation, and opens a burst or joins one. In these steps.

1. Before any lock but the fence: the persons of all senders, so that nobody is looked up before another's join.
2. What opens nothing is told apart: history, what an operator wrote, who isn't chosen.
3. The conversations are held, in the order of their numbers; then each burst grows by one statement.
4. The messages, with their places in the burst, and the transitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from uuid import UUID

from wamon.conversations.buffer_log import BufferLog
from wamon.conversations.identity import is_chosen, people
from wamon.conversations.model import Message
from wamon.conversations.operators import leave_to_human
from wamon.conversations.turns import Transition, note, timings
from wamon.failpoints import failpoint
from wamon.ledger.following import NotYet
from wamon.log import correlation_id
from wamon.model import BEFORE_START
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from wamon.config.conversations import Conversations
    from wamon.conversations.model import Echoes, State
    from wamon.conversations.senders import Senders
    from wamon.ledger.changes import Key
    from wamon.ledger.following import Conflict, Posted
    from wamon.ledger.source import Source
    from wamon.model import Reading
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias

SQL = Queries("wamon.conversations", "follower")

_GROUP = "@g.us"
_MEANS_NOTHING = {"reply", "sender", "discarded"}
"""Reasons of messages that are ours, or whose senders count for nothing."""
_PARTS = {"image": "photo", "video": "photo", "audio": "voice", "ptt": "voice", "document": "file", "": "text"}


class _Held(NamedTuple):
    conversation: int
    uid: UUID
    state: State
    last_seq: int
    answered_seq: int
    claimed_seq: int

    @property
    def is_open(self) -> bool:
        """Whether a burst gathers here that nobody has claimed."""
        return self.last_seq > (self.claimed_seq if self.state == "processing" else self.answered_seq)


@dataclass(slots=True)
class ConversationFollower:
    """Follows the recordings of one source. `groups`: the JIDs in which bursts are answered.

    `senders` knows the persons of a store's rows; None where hooks bring the messages, which say whose they are.
    """

    source: Source
    conversations: Conversations
    groups: frozenset[str]
    senders: Senders | None
    echoes: Echoes
    log: BufferLog = field(default_factory=BufferLog)
    shares_rows: ClassVar[bool] = False
    _persons: dict[str, tuple[int, Alias]] = field(default_factory=dict)

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Have each sender be a person."""
        self.log.begin()
        self.log.key = self.log.key or bytes(SQL.value(db, "person_key"))
        self._persons = {}
        if self.senders is not None:
            said = (reading for reading in readings if self._is_talked_in(reading.message.chat_jid))
            if names := {self._sender(reading) for reading in said} - {""}:
                self._persons = self.senders.persons(db, names)

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """Append what was recorded. Raises NotYet where it isn't known yet whether an outgoing message is ours."""
        heard = list(self._heard(posted))
        outgoing = [one for one in heard if one.role == "operator"]
        incoming = [one for one in heard if one.role != "operator"]
        if incoming:
            self._hear(db, incoming)
        if outgoing:
            self._hear_operators(db, outgoing)
        self._change_bodies(db, posted)
        failpoint("burst.appended")
        return ()

    def _is_talked_in(self, jid: str) -> bool:
        return jid in self.groups if jid.endswith(_GROUP) else True

    def _sender(self, reading: Reading) -> str:
        """Whom a store's row is about: who wrote it, or in a one-to-one chat to whom we wrote."""
        message = reading.message
        return message.chat_jid if message.from_me and not message.chat_jid.endswith(_GROUP) else message.sender

    def _heard(self, posted: Posted) -> Iterator[Message]:
        """The messages that conversations are about, in the order in which they came."""
        posts = {one.candidate.message[1:3] for one in posted.submissions if one.kind}
        posts |= {reading.message[1:3] for reading in posted.near}
        recovered = {reading.message[1:3] for reading in posted.recovered}
        for reading in [*posted.readings, *posted.recovered]:
            if one := self._message(reading, posted, posts):
                again = posted.again and reading.message[1:3] not in recovered
                role = "history" if again and one.role == "person" else one.role
                yield one._replace(role=role, opens=one.opens and not again)

    def _message(self, reading: Reading, posted: Posted, posts: set[Key]) -> Message | None:
        message = reading.message
        is_group = message.chat_jid.endswith(_GROUP)
        if (
            not self._is_talked_in(message.chat_jid)
            or reading.reason in _MEANS_NOTHING
            or (is_group and message.from_me)
        ):
            return None
        origin = posted.origins.get(message[1:3])
        known = self._persons.get(self._sender(reading))
        person, alias = (origin.person, origin.alias) if origin else (known or (None, None))
        if person is None or alias is None:
            return None
        is_history = reading.reason == BEFORE_START or (origin is not None and origin.is_standby)
        is_reaction = origin is not None and origin.is_reaction
        return Message(
            self.source.chat(message),
            message.chat_jid,
            message.message_id,
            person,
            alias,
            "group" if is_group else "direct",
            "drop" if reading.numbers else origin.part if origin else _PARTS.get(message.media_type, "other"),
            origin.name if origin else "",
            message.sent_at,
            message.text,
            (message[1:3] in posts if is_group else not is_reaction) and not is_history,
            "operator" if message.from_me else "history" if is_history else "person",
            origin.correlation_id if origin else _of_this_pass(),
            message.content_hash,
            origin.local_id if origin else None,
        )

    def _hear(self, db: Database, incoming: Sequence[Message]) -> None:
        known = self._known(db, incoming)
        new = [one for one in incoming if not known.get((one.chat, one.message_id), False)]
        new = self._without_old_posts(db, new)
        persons = people(db, (one.person for one in new))
        chosen = {number for number, one in persons.items() if is_chosen(one, self.conversations)}
        held = self._hold(db, new)
        joining = {pair: [] for pair in dict.fromkeys(one.pair for one in new)}  # type: dict[tuple[int, int], list[Message]]
        noted: list[Message] = []
        for one in new:
            is_open = bool(joining[one.pair]) or (one.pair in held and held[one.pair].is_open)
            if one.role == "person" and one.person in chosen and (one.opens or is_open):
                joining[one.pair].append(one)
            elif one.pair in held or (one.role == "history" and one.person in chosen):
                noted.append(one)
        appended = self._append(db, [some for some in joining.values() if some], held)
        self._note(db, noted, held, appended)

    def _without_old_posts(self, db: Database, new: Sequence[Message]) -> list[Message]:
        """The same, of which a group's old ones are history. A direct message always opens a burst."""
        if not any(one.kind == "group" for one in new):
            return list(new)
        oldest = SQL.value(db, "since", answer_within=self.conversations.group.answer_within)
        old = [
            one.kind == "group" and one.role == "person" and one.sent_at is not None and one.sent_at < oldest
            for one in new
        ]
        self.log.old_posts(sum(old))
        return [one._replace(role="history") if is_old else one for one, is_old in zip(new, old, strict=True)]

    def _known(self, db: Database, messages: Sequence[Message]) -> dict[tuple[int, str], bool]:
        """Of the messages that are known already, whether they have a place in a burst."""
        keys = _keys(messages)
        return {(chat, message_id): bool(placed) for chat, message_id, placed in SQL.run(db, "known_messages", **keys)}

    def _hold(self, db: Database, messages: Sequence[Message]) -> dict[tuple[int, int], _Held]:
        pairs = sorted({one.pair for one in messages})
        if not pairs:
            return {}
        chats, persons = [chat for chat, _ in pairs], [person for _, person in pairs]
        rows = SQL.run(db, "lock", source=self.source.name, chats=chats, persons=persons)
        return {(chat, person): _Held(*rest) for chat, person, *rest in rows}

    def _append(
        self, db: Database, bursts: Sequence[Sequence[Message]], held: Mapping[tuple[int, int], _Held]
    ) -> dict[tuple[int, int], int]:
        """Have these messages, of one conversation each, wait for their answer; the conversations' numbers."""
        if not bursts:
            return {}
        bursts = sorted(bursts, key=lambda some: held[some[0].pair].conversation if some[0].pair in held else 1 << 62)
        timing = {name: value for name, value in timings(self.conversations).items() if "answer" not in name}
        rows = SQL.run(
            db,
            "append",
            source=self.source.name,
            chats=[some[0].chat for some in bursts],
            persons=[some[0].person for some in bursts],
            kinds=[some[0].kind for some in bursts],
            counts=[len(some) for some in bursts],
            sent_ats=[_newest(some) for some in bursts],
            correlation_ids=[some[0].correlation_id for some in bursts],
            **timing,
        )
        grown = {(chat, person): (number, uid, last, now) for number, uid, chat, person, last, now in rows}
        places: list[tuple[Message, int, int | None]] = []
        changes = []
        for some in bursts:
            number, uid, last, now = grown[some[0].pair]
            places += [(one, number, last - len(some) + n) for n, one in enumerate(some, 1)]
            was = held.get(some[0].pair)
            if was is None or was.state == "idle":
                changes.append(Transition(uid, "idle", "settling", "message", some[0].correlation_id))
            self.log.appended(some, uid, now, is_new=was is None, starts=was is None or was.state == "idle")
        self._add(db, places)
        note(db, changes)
        return {pair: number for pair, (number, *_) in grown.items()}

    def _note(
        self,
        db: Database,
        noted: Sequence[Message],
        held: Mapping[tuple[int, int], _Held],
        appended: Mapping[tuple[int, int], int],
    ) -> None:
        """Remember messages that open nothing."""
        if not noted:
            return
        numbers = {pair: one.conversation for pair, one in held.items()} | dict(appended)
        numbers |= self._idle(db, [one for one in noted if one.pair not in numbers])
        self._add(db, [(one, numbers[one.pair], None) for one in noted])
        if heard := [one for one in noted if one.role == "person"]:
            SQL.run(
                db,
                "heard",
                conversations=[numbers[one.pair] for one in heard],
                sent_ats=[one.sent_at for one in heard],
            )

    def _idle(self, db: Database, messages: Sequence[Message]) -> dict[tuple[int, int], int]:
        """A conversation for each of these, which have none."""
        kinds = {one.pair: one.kind for one in messages}
        if not kinds:
            return {}
        values = {"chats": [chat for chat, _ in kinds], "persons": [person for _, person in kinds]}
        rows = SQL.run(db, "add_idle", source=self.source.name, **values, kinds=list(kinds.values()))
        return {(chat, person): number for number, chat, person in rows}

    def _add(self, db: Database, places: Sequence[tuple[Message, int, int | None]]) -> None:
        SQL.run(
            db,
            "add_messages",
            **_keys([one for one, _, _ in places]),
            conversations=[number for _, number, _ in places],
            seqs=[seq for _, _, seq in places],
            roles=[one.role for one, _, _ in places],
            parts=[one.part for one, _, _ in places],
            names=[one.name for one, _, _ in places],
            sent_ats=[one.sent_at for one, _, _ in places],
            bodies=[one.text if one.kind == "direct" and one.text else None for one, _, _ in places],
            correlation_ids=[one.correlation_id for one, _, _ in places],
        )

    def _hear_operators(self, db: Database, outgoing: Sequence[Message]) -> None:
        """What isn't ours, an operator wrote: it opens nothing, and where that is configured it silences us."""
        known = self._known(db, outgoing)
        new = [one for one in outgoing if (one.chat, one.message_id) not in known]
        verdicts = self.echoes(db, new) if new else ()
        if undecided := {(one.jid, one.message_id) for one, why in zip(new, verdicts, strict=True) if why == "later"}:
            raise NotYet(undecided)
        theirs = [one for one, why in zip(new, verdicts, strict=True) if why == "operator"]
        persons = people(db, (one.person for one in theirs))
        held = self._hold(db, theirs)
        theirs = [one for one in theirs if one.pair in held or is_chosen(persons[one.person], self.conversations)]
        self._note(db, theirs, held, {})
        if self.conversations.human_for and (talking := [one for one in theirs if one.opens]):
            held = self._hold(db, talking)
            numbers = sorted({held[one.pair].conversation for one in talking})
            leave_to_human(db, numbers, human_for=self.conversations.human_for)

    def _change_bodies(self, db: Database, posted: Posted) -> None:
        """An edit changes what a message says, as long as nobody works on it, and nothing else."""
        edited = [reading.message for reading in posted.edited if not reading.message.chat_jid.endswith(_GROUP)]
        if edited:
            SQL.run(
                db, "change_bodies", **self.source.keys(edited), bodies=[message.text or None for message in edited]
            )


def take_back(db: Database, source: str, messages: Iterable[Key]) -> None:
    """Within a transaction: these one-to-one messages say nothing any more, as long as nobody works on them."""
    if direct := [(jid, message_id) for jid, message_id in messages if not jid.endswith(_GROUP)]:
        jids, message_ids = [jid for jid, _ in direct], [message_id for _, message_id in direct]
        SQL.run(db, "take_back", source=source, jids=jids, message_ids=message_ids)


def _of_this_pass() -> UUID | None:
    """As what the log tells of what is recorded now."""
    found = correlation_id()
    return UUID(found) if found else None


def _keys(messages: Sequence[Message]) -> dict[str, list[Any]]:
    return {"chats": [one.chat for one in messages], "message_ids": [one.message_id for one in messages]}


def _newest(messages: Sequence[Message]) -> datetime | None:
    """When the newest was sent; None where one doesn't say, which was now."""
    times = [one.sent_at for one in messages]
    return None if None in times else max(time for time in times if time is not None)
