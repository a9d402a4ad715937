"""Effects: what recordings mean for one of the tables that are the office's, written with them, or else later.

Other people hold these tables' rows, and give them triggers and checks: none of that keeps back a post, nor another
drop's rows. Recording asks for no longer than `attempt` allows. What isn't taken then waits, and is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.errors import Locked, Poison, TimedOut
from wamon.halving import Refusal, bisect
from wamon.ledger.waits import Waits
from wamon.log import logger
from wamon.postgres.connection import attempt, transaction
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wamon.halving import Part
    from wamon.ledger.changes import Drop
    from wamon.ledger.following import Conflict, Renamed
    from wamon.ledger.waits import Effect
    from wamon.postgres.connection import Database

_MOST_REFUSED = 10
"""Of the effects that wait, as many are refused at one time: the others wait for the next, for it isn't the rows."""


class Written(NamedTuple):
    """What became of effects: the drops whose row is another project's, and why those wait that couldn't be written."""

    conflicts: Sequence[Conflict] = ()
    hindered: Mapping[Drop, str] = {}


class Write(Protocol):
    """Writes effects, those of a drop in their order, but for the drops that it knows to be hindered."""

    def __call__(self, db: Database, effects: Sequence[Effect], /) -> Written:
        """Within `attempt`. Raises as the table refuses."""


class Effects:
    """Those of one source's recordings on one table."""

    def __init__(self, table: str, source: str, write: Write) -> None:
        self._table = table
        self._source = source
        self._write = write
        self._waits = Waits(table)
        self._told: str | None = None

    def follow(self, db: Database, effects: Sequence[Effect]) -> Sequence[Conflict]:
        """Within a recording: write what it means, in its order. What can't be written now waits.

        Returns the drops for which no row could be made, since another project's row holds the number.
        """
        if not effects:
            return ()
        behind = self._waits.of(db, {effect.drop for effect in effects})
        written = self._tried(db, [effect for effect in effects if effect.drop not in behind])
        why = {**dict.fromkeys(behind, f"Earlier posts of the drop wait for {self._table}."), **written.hindered}
        self._waits.keep(db, self._source, [(effect, why[effect.drop]) for effect in effects if effect.drop in why])
        self._tell_waiting(written.hindered)
        return written.conflicts

    def _tried(self, db: Database, effects: Sequence[Effect]) -> Written:
        """Write effects; where PostgreSQL refuses that, all of them are hindered."""
        if not effects:
            return Written()
        try:
            with attempt(db):
                return self._write(db, effects)
        except (Poison, TimedOut, Locked) as error:
            return Written((), {effect.drop: self._why(error) for effect in effects})

    def _why(self, refusal: Poison | TimedOut | Locked) -> str:
        if isinstance(refusal, Locked):
            return f"Another session has locked {self._table}."
        if isinstance(refusal, TimedOut):
            return f"Writing {self._table} takes too long: has it a slow trigger, or is the server overloaded?"
        said = str(refusal)
        return said if self._table in said else f"{said.removesuffix('.')} at {self._table}."

    def _tell_waiting(self, hindered: Mapping[Drop, str]) -> None:
        """Say once why rows wait, until some are written again."""
        told, self._told = self._told, next(iter(hindered.values()), None)
        if self._told in {told, None}:
            return
        logger.warning(
            "%s of %s can't be written now. %s",
            amount(len(hindered), "row"),
            self._table,
            self._told,
            extra={"action": "office.waits", "drops": sorted(number for _, number in hindered)[:10]},
        )

    def write_due(self, db: Database, *, go_on: Callable[[], bool] = lambda: True) -> list[Conflict]:
        """Write what waits and is due, a portion a transaction. What is refused by itself waits for longer.

        Returns conflicts, as `follow`. Raises DatabaseUnavailable, SchemaError.
        """
        conflicts: list[Conflict] = []
        refused: list[Drop] = []
        settled: list[Drop] = []

        def act(part: Part[Drop]) -> None:
            if len(refused) < _MOST_REFUSED and go_on():
                written, drops = self._write_waiting(db, part.items)
                conflicts.extend(written.conflicts)
                refused.extend(written.hindered)
                settled.extend(drops)

        def alone(drop: Drop, refusal: Refusal) -> None:
            refused.append(drop)
            with transaction(db):
                self._waits.put_off(db, drop, str(refusal))

        while go_on() and len(refused) < _MOST_REFUSED and (due := self._due(db)):
            before = len(refused) + len(settled)
            bisect(due, act, alone)
            if len(refused) + len(settled) == before:  # another one is at them
                break
        return conflicts

    def _due(self, db: Database) -> list[Drop]:
        with transaction(db):
            return self._waits.due(db)

    def _write_waiting(self, db: Database, drops: Sequence[Drop]) -> tuple[Written, set[Drop]]:
        """Write what waits for these drops; what became of it, and the drops of which nothing waits any more.

        Raises Poison where the table refuses, for whatever reason.
        """
        with transaction(db):
            effects = self._waits.effects(db, drops)
            written = self._tried_or_poison(db, effects)
            done = [effect for effect in effects if effect.drop not in written.hindered]
            self._waits.forget(db, done)
            for drop, why in written.hindered.items():
                self._waits.put_off(db, drop, why)
        return written, {effect.drop for effect in done}

    def _tried_or_poison(self, db: Database, effects: Sequence[Effect]) -> Written:
        try:
            with attempt(db):
                return self._write(db, effects)
        except (Poison, TimedOut, Locked) as error:
            raise Poison(self._why(error)) from None

    def has_due(self, db: Database) -> bool:
        """Whether something waits whose time has come."""
        with transaction(db):
            return self._waits.has_due(db)

    def has_waiting(self, db: Database) -> bool:
        """Whether any waits. Within a transaction."""
        return self._waits.has_any(db)

    def waiting(self, db: Database) -> int:
        """How many drops' rows wait to be written. Within a transaction."""
        return self._waits.count(db)

    def awaited(self, db: Database, drops: Iterable[Drop]) -> set[Drop]:
        """Those of the drops for which something waits. Within a transaction."""
        return self._waits.of(db, drops)

    def rename(self, db: Database, renamed: Sequence[Renamed]) -> None:
        """Within a transaction: have what waits follow its project's new name."""
        self._waits.rename(db, self._source, renamed)
