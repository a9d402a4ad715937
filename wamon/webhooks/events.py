"""Events: deliveries as they were kept, what becomes of their rows, and their dead letters."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import Locked, TimedOut
from wamon.ledger.dead_letters import PAUSES_SECONDS
from wamon.log import logger
from wamon.postgres.connection import attempt, transaction
from wamon.postgres.queries import Queries
from wamon.providers.buffer import HOOK
from wamon.providers.deliveries import DIRECT
from wamon.webhooks.opening import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from wamon.ledger.source import BroughtSource
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Broken

SQL = Queries("wamon.webhooks", "events")

PATIENCE = timedelta(seconds=60)
"""How long a store may take to hold what a hook has brought."""
_OVERTAKING = timedelta(minutes=4)
"""How much later than its edit or revoke a message may come: its sender tries again after ever longer pauses. Less than
that after which deliveries that wait are told as a trouble."""
_TWINS_WITHIN = timedelta(seconds=3)
_MOST = 8000
_A_PAGE = 500
_MOST_BYTES = 4 * 1024 * 1024
_WITH_BROKEN_PARTS = "parts"
_LETTER = "event:"


class Ended(NamedTuple):
    """A delivery that is done, how many messages it brought, and which parts of it can't be read."""

    event: Event
    messages: int
    broken: Sequence[Broken]


class Events:
    """Those of one source. What takes a connection runs within a transaction of whoever calls."""

    def __init__(self, source: BroughtSource, hooks: Sequence[str]) -> None:
        self._source = source
        self._hooks = list(hooks)

    def keep_status(self) -> None:
        """Have a row for each hook."""
        with transaction(self._source.db) as db:
            SQL.run(db, "keep_status", hooks=self._hooks, source=self._source.name)

    def rang_at(self) -> datetime | None:
        """When a hook last said, without more, that the store has news."""
        with transaction(self._source.db) as db:
            rang_at: datetime | None = SQL.value(db, "rang", hooks=self._hooks)
        return rang_at

    def due(self, in_hand: Sequence[Event] = ()) -> list[Event]:
        """A page of what is to be taken in now, without those in hand."""
        limits = {"most": _MOST, "most_bytes": _MOST_BYTES, "patience": PATIENCE, "overtaking": _OVERTAKING}
        values = {"hooks": [*self._hooks, HOOK], "in_hand": [one.event for one in in_hand], **limits}
        with transaction(self._source.db) as db:
            SQL.run(db, "in_order")
            found = SQL.binary_rows(db, "due", Event, source=self._source.name, **values)
        return sorted(found, key=_place)

    def taken_in_after(self, event: int) -> list[Event]:
        """The next ones that became messages, as long as their bodies are kept."""
        values = {"hooks": [*self._hooks, HOOK], "after": event, "most": _A_PAGE}
        with transaction(self._source.db) as db:
            return SQL.rows(db, "taken_in", Event, source=self._source.name, **values)

    def since(self, moment: datetime) -> list[int]:
        """Those that came since then, were taken in, and whose bodies are still kept."""
        with transaction(self._source.db) as db:
            return SQL.rows(db, "since", int, since=moment, source=self._source.name)

    def retry(self, events: Iterable[int]) -> list[int]:
        """Have these taken in once more; those whose bodies are still kept."""
        with transaction(self._source.db) as db:
            return SQL.rows(db, "retry", int, events=list(events), source=self._source.name)

    def discard(self, letters: Iterable[str]) -> None:
        """Give these dead letters up."""
        for letter in letters:
            with transaction(self._source.db) as db:
                SQL.run(db, "discard_letter", chat=self._chat(), letter=letter)
                SQL.run(db, "discard", event=event_of(letter), source=self._source.name)

    def lock(self, db: Database, events: Sequence[int]) -> set[int]:
        """Those of these that are new still, and that nobody else holds."""
        return set(SQL.rows(db, "lock", int, events=list(events)))

    def hold(self, db: Database, events: Sequence[int]) -> bool:
        """As `lock`: whether these are all of them."""
        return bool(SQL.value(db, "hold", events=list(events)) == len(events))

    def lacking(self, db: Database, message_ids: Sequence[str]) -> set[str]:
        """Those of these one-to-one messages that the ledger lacks."""
        if not message_ids:
            return set()
        return set(SQL.rows(db, "lacking", str, message_ids=list(message_ids), chat=self._chat()))

    def twins(self, db: Database, nameless: Sequence[Event]) -> set[int]:
        """Those of these, which have no id, of which another one made the same message a moment before."""
        if not nameless:
            return set()
        events = [event.event for event in nameless]
        twins = set(SQL.rows(db, "twins", int, events=events, within=_TWINS_WITHIN))
        made: dict[tuple[str, bytes], datetime] = {}
        for event in nameless:
            before = made.get((event.hook, event.sha256))
            if before is not None and abs(event.received_at - before) <= _TWINS_WITHIN:
                twins.add(event.event)
            elif event.event not in twins:
                made[event.hook, event.sha256] = event.received_at
        return twins

    def wait(self, db: Database, events: Sequence[int], patience: timedelta = PATIENCE) -> None:
        """Look at these again once their store has had its time, or so much later."""
        if events:
            SQL.run(db, "wait", events=list(events), patience=patience)

    def forget(self, db: Database, events: Sequence[int]) -> None:
        """Keep nothing of these."""
        if events:
            SQL.run(db, "forget", events=list(events))

    def end(self, db: Database, ended: Sequence[Ended], twins: Collection[int]) -> None:
        """These are done. A part that can't be read becomes a dead letter."""
        if not ended:
            return
        events = [one.event.event for one in ended]
        SQL.run(db, "forget_letters", chat=self._chat(), letters=[_letter(event) for event in events])
        for event, _, broken in ended:
            for part in broken:
                self._put_letter(db, event, f"{_letter(event.event)}#{part.place}", part.why, 1, None)
        reasons = [_WITH_BROKEN_PARTS if one.broken else None for one in ended]
        counts = [one.messages for one in ended]
        same_as = _first_of_each([one.event for one in ended])
        found = SQL.run(db, "done", events=events, messages=counts, reasons=reasons, same_as=same_as).fetchall()
        same = Counter(hook for hook, is_same in found if is_same)
        self._count(db, same, Counter(one.event.hook for one in ended if one.event.event in twins))

    def end_new(self, db: Database, events: Sequence[int]) -> bool:
        """As `hold`; then these are done, of which each brought one message that was new, and nothing else.

        It can't leave out what somebody else holds, so it waits half a second for that, and less long than a deadlock
        takes to be found. Where these weren't all of them the transaction is to be ended.
        """
        try:
            with attempt(db):
                return SQL.run(db, "done_with_one", events=list(events), chat=self._chat()).rowcount == len(events)
        except (Locked, TimedOut):
            return False

    def _count(self, db: Database, same: Counter[str], twins: Counter[str]) -> None:
        if hooks := sorted(same.keys() | twins.keys()):
            counts = {"twins": [twins[hook] for hook in hooks], "duplicates": [same[h] - twins[h] for h in hooks]}
            SQL.run(db, "count", hooks=hooks, source=self._source.name, **counts)

    def refuse(self, db: Database, event: Event, why: str) -> datetime | None:
        """Park a delivery that can't be read or recorded: it is tried again after a pause, in the end dead.

        Its next try; None where there is none.
        """
        refused = SQL.run(db, "refuse", event=event.event, reason=why, pauses_seconds=PAUSES_SECONDS).fetchone()
        if refused is None:
            return None
        attempts: int = refused[0]
        next_try_at: datetime | None = refused[1]
        self._put_letter(db, event, _letter(event.event), why, attempts, next_try_at)
        about = {"event": event.event, "correlation_id": str(event.uid), "attempts": attempts}
        logger.warning(
            "A delivery to hook %s was parked. %s", event.hook, why, extra={"action": "event.parked", **about}
        )
        return next_try_at

    def _put_letter(
        self, db: Database, event: Event, letter: str, why: str, attempts: int, next_try_at: datetime | None
    ) -> None:
        values = {"reason": why, "attempts": attempts, "next_try_at": next_try_at, "uid": event.uid}
        SQL.run(db, "put_letter", chat=self._chat(), message_id=letter, **values)

    def _chat(self) -> int:
        """The chat in which their letters lie."""
        return self._source.groups[DIRECT].chat


def _place(event: Event) -> int:
    return event.event


def _first_of_each(events: Sequence[Event]) -> list[int | None]:
    """Of each of these the first with its body, where that isn't itself."""
    first: dict[tuple[str, bytes], int] = {}
    found = [first.setdefault((event.hook, event.sha256), event.event) for event in events]
    return [None if one == event.event else one for one, event in zip(found, events, strict=True)]


def event_of(letter: str) -> int:
    """The delivery that a dead letter's name tells of. Raises ValueError for another's name."""
    return int(letter.removeprefix(_LETTER).partition("#")[0])


def _letter(event: int) -> str:
    """The name of a delivery among the dead letters."""
    return f"{_LETTER}{event}"
