"""What is published of a source: the rows by which a page on another host knows it.

Only who holds the source's lease writes them, or a scan while nobody does. They are no record of anything: a crash may
lose the last of them, and no commit waits for the disk.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wamon import __version__
from wamon.health.check import Absent, State, summary, worst
from wamon.health.facts import today
from wamon.health.ledger_facts import usual_curves
from wamon.host.process import Process
from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries
from wamon.privacy import people_of, phone_hashes
from wamon.views.doctor import described
from wamon.views.document import as_json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import date
    from typing import Any

    from wamon.health.check import Check
    from wamon.health.facts import Facts, Subject
    from wamon.postgres.connection import Database
    from wamon.service.checks import Restarts
    from wamon.views.alerts import Alerts

SQL = Queries("wamon.daemon", "published")
T = TypeVar("T")

EVERY_SECONDS = 15
_SECONDS_TO_STOP = 2
_DAYS_OF_PEOPLE = timedelta(days=90)
_ROWS_AT_ONCE = 500
_NOTHING = (0, 0, 0, None)
"""What is counted of a chat in which nothing was posted."""
_RANKS = {State.BAD: 0, State.WARN: 1, State.UNKNOWN: 2, State.OK: 3}


class Judged(NamedTuple):
    """A chat as a look judged it: the worst of its checks, with words only where it isn't in order."""

    chat: int
    state: State
    newest_at: datetime | None
    usual_silence_seconds: float | None
    behind: int | None
    behind_seconds: float | None
    sentence: str
    hint: str
    why: str


@dataclass(slots=True)
class Look:
    """One look at health, as it is published: `through` notes each check of one group, and the others whole."""

    facts: Facts
    checks: list[Check] = field(default_factory=list)
    _worst: dict[str, Check] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)

    def through(self, checks: Iterable[Check]) -> Iterator[Check]:
        """The same checks, noted as they come."""
        for check in checks:
            self._note(check)
            yield check

    def _note(self, check: Check) -> None:
        if check.jid is None:
            self.checks.append(check)
            return
        if check.state is State.OK:
            return
        if check.name == "bridge.freshness" and check.state is State.WARN:
            self._silent.add(check.jid)
        was = self._worst.get(check.jid)
        if was is None or _RANKS[check.state] < _RANKS[was.state]:
            self._worst[check.jid] = check

    def portions(self) -> Iterator[Sequence[Judged]]:
        """The watched chats that the ledger knows, so many at a time."""
        return _portions(self._groups())

    def _groups(self) -> Iterator[Judged]:
        ledger_facts = self.facts.ledger_facts
        known = {} if isinstance(ledger_facts, Absent) else ledger_facts.position.groups
        for group in self.facts.groups:
            own, check, lag = known.get(group.jid), self._worst.get(group.jid), group.lag
            if own is None or not own.enabled:
                continue
            yield Judged(
                own.chat,
                check.state if check else State.OK,
                group.newest_at,
                group.usual_seconds,
                lag.messages if lag else None,
                lag.seconds if lag else None,
                check.sentence if check else "",
                check.hint if check else "",
                self._why(group.jid),
            )

    def _why(self, jid: str) -> str:
        """Why a group is silent, in a word: `bridge` where all are, `no-chat`, `group` where others talk."""
        if jid not in self._silent:
            return ""
        store = self.facts.store
        if not isinstance(store, Absent) and store.chats and jid not in store.chats:
            return "no-chat"
        return "bridge" if len(self._silent) == len(self.facts.groups) > 1 else "group"

    def store(self) -> dict[str, object]:
        """What the store shows."""
        store, ours = self.facts.store, self.facts.subject.store
        path = str(ours.path) if ours else None
        if isinstance(store, Absent):
            return {"path": path, "why": store.why}
        photos = {"photos": store.photos, "photos_without_text": store.photos_without_text}
        return {"path": path, "flavour": store.flavour, "rows": store.rows, "written_at": store.written_at, **photos}


class Day(NamedTuple):
    """A day of the source's zone."""

    day: date
    since: datetime
    until: datetime


class Publisher:
    """One connection's publishing of one source. `holder` is the lease's, or None for a scan."""

    def __init__(
        self, db: Database, subject: Subject, started_at: datetime, restarts: Restarts, holder: str | None
    ) -> None:
        self.holder = holder
        self._db = db
        self._subject = subject
        self._restarts = restarts
        self._day = self.today()
        self._hours: dict[int, Counter[int]] = {}  # of each chat with new drops today
        self._usual_hours: list[float] | None = None
        self._seq: int | None = None  # the fence as of the last count of all chats
        self._signed: dict[str, Any] | None = None
        me = Process.this()
        self._who = {"host": me.host, "pid": me.pid, "started_at": started_at}

    def today(self) -> Day:
        """The day that it is in the source's zone."""
        since, until = today(self._subject, self._subject.clock.now())
        return Day(since.date(), since.astimezone(UTC), until.astimezone(UTC))

    @property
    def day(self) -> date:
        return self._day.day

    def begin_day(self) -> None:
        """Count all chats, of what is today now."""
        self._day = self.today()
        with self._writing():
            self._run("forget")
        self.count(None)

    def count_if_moved(self) -> bool:
        """Count all chats again where anybody has recorded anything since that was done last."""
        with self._writing():
            row = SQL.run(self._db, "seq", source=self._subject.source).fetchone()
        if row is None or row[0] == self._seq:
            return False
        self.count(None)
        self._seq = row[0]
        return True

    def count(self, jids: AbstractSet[str] | None) -> None:
        """Count today's posts of these chats anew, or of all. Kinds move with late messages and edits."""
        values = {"source": self._subject.source, "since": self._day.since, "until": self._day.until}
        zone, now = str(self._subject.config.timezone), self._subject.clock.now()
        with self._writing():
            chats = SQL.rows(self._db, "chats", int, source=values["source"], jids=jids and list(jids))
            posted = SQL.run(self._db, "posted", zone=zone, now=now, chats=chats, **values).fetchall()
            near = dict(SQL.run(self._db, "near", chats=chats, **values).fetchall())
            counts = self._counted(chats, posted)
            for some in _portions(chats):
                own = [counts.get(chat, _NOTHING) for chat in some]
                self._run(
                    "count",
                    day=self._day.day,
                    chats=some,
                    new=[one[0] for one in own],
                    again=[one[1] for one in own],
                    rejected=[one[2] for one in own],
                    near=[near.get(chat, 0) for chat in some],
                    newest_at=[one[3] for one in own],
                )
            self._show_new_people(chats)

    def _counted(self, chats: Sequence[int], posted: Iterable[tuple[Any, ...]]) -> dict[int, list[Any]]:
        """New, posted again, rejected and the newest post's time, by chat that has any; and their hours are noted."""
        for chat in chats:
            self._hours.pop(chat, None)
        counts: dict[int, list[Any]] = {}
        for chat, hour, *kinds, newest_at in posted:
            own = counts.setdefault(chat, [*_NOTHING])
            own[:3] = [a + b for a, b in zip(own, kinds, strict=False)]
            own[3] = max(filter(None, (own[3], newest_at)), default=None)
            if kinds[0]:
                self._hours.setdefault(chat, Counter())[hour] += kinds[0]
        return counts

    def judge(self, portions: Iterable[Sequence[Judged]]) -> None:
        """Publish what a look found of the groups; only rows that differ are written."""
        for some in portions:
            columns = list(map(list, zip(*some, strict=True)))
            with self._writing():
                self._run(
                    "judge",
                    day=self._day.day,
                    ranks=[_RANKS[one.state] for one in some],
                    chats=columns[0],
                    states=list(map(str, columns[1])),
                    newest_at=columns[2],
                    usual_silences=columns[3],
                    behind=columns[4],
                    behind_seconds=columns[5],
                    sentences=columns[6],
                    hints=columns[7],
                    whys=columns[8],
                )

    def sign(self, checks: Sequence[Check], store: dict[str, object], alerts: Alerts | None) -> None:
        """A sign of life, with all that is known of the source. `alerts` None: the file of them can't be read."""
        row = self._row(checks, store, alerts)
        with self._writing():
            if row == self._signed and self._run("sign_again", **self._who):
                return
            self._run("sign", **row)
        self._signed = row

    def _row(self, checks: Sequence[Check], store: dict[str, object], alerts: Alerts | None) -> dict[str, Any]:
        hours: Counter[int] = Counter()
        for own in self._hours.values():
            hours.update(own)
        last = self._restarts.last
        return {
            **self._who,
            "instance": self._restarts.instance,
            "by": "run" if self.holder else "scan",
            "version": __version__,
            "zone": str(self._subject.config.timezone),
            "every_seconds": EVERY_SECONDS if self.holder else 0,
            "state": str(worst(checks)),
            "sentence": summary(checks),
            "checks": as_json_line([described(check) for check in checks]),
            "store": as_json_line(store),
            "day": self._day.day,
            "hours": [hours[hour] for hour in range(24)],
            "usual_hours": self._usual_hours,
            "next_restart_at": self._restarts.next_at,
            "last_restart": as_json_line(last) if last else None,
            "alerts": as_json_line(alerts) if alerts else None,
        }

    def stop(self, restarts: Restarts) -> None:
        """Publish the end, and whether it was meant."""
        planned = restarts.planned_at
        zone = self._subject.config.timezone
        sentence = f"planned restart {planned.astimezone(zone):%H:%M}" if planned else "stopped"
        said = {"at": self._subject.clock.now(), "reason": "planned" if planned else "stopped", "back_at": None}
        with transaction(self._db, _SECONDS_TO_STOP):
            values = {"sentence": sentence, "last_restart": as_json_line(said), "holder": self.holder}
            SQL.run(self._db, "stop", source=self._subject.source, **self._who, **values)

    def put_usual(self, pause: Callable[[], None]) -> None:
        """What is usual on this weekday, of every chat. With very many it takes seconds, so it pauses now and then."""
        curves = usual_curves(self._db, self._subject.source, self._day.since, self._subject.config.timezone)
        hours = [0.0] * 24
        for some in _portions(curves.items()):
            for _, curve in some:
                ends = [0.0, *curve[1::2]]
                hours = [total + end - start for total, start, end in zip(hours, ends, ends[1:], strict=False)]
            with self._writing():
                written = ["{" + ",".join(map(str, curve)) + "}" for _, curve in some]
                self._run("put_usual", chats=[chat for chat, _ in some], usual=written)
            pause()
        with self._writing():
            self._run("forget_usual", chats=list(curves))
        self._usual_hours = hours if curves else None

    def show_people(self) -> None:
        """Everybody who posted lately, as `privacy.show` lets them be seen; `none`: nobody."""
        if self._subject.config.privacy.show == "none":
            shown: list[str] = []
        else:
            since = self._subject.clock.now() - _DAYS_OF_PEOPLE
            with transaction(self._db, UNHURRIED_SECONDS):
                found = SQL.rows(self._db, "senders", str, source=self._subject.source, since=since, chats=None)
            shown = self._show(found)
        with self._writing():
            self._run("hide_people", senders=shown)

    def _show_new_people(self, chats: Sequence[int]) -> None:
        if self._subject.config.privacy.show != "none":
            values = {"since": self._day.since, "chats": list(chats)}
            self._show(SQL.rows(self._db, "senders", str, source=self._subject.source, **values))

    def _show(self, senders: Sequence[str]) -> list[str]:
        """Write these senders' rows; those that have something to show."""
        if not senders:
            return []
        people = people_of(self._subject.config)
        with transaction(self._db):
            key = bytes(SQL.value(self._db, "person_key"))
        rows = [(sender, shown) for sender in senders if (shown := people.shown(sender))]
        for some in _portions(rows):
            phones = [people.person(sender).phone for sender, _ in some]
            with self._writing():
                self._run(
                    "show_people",
                    senders=[sender for sender, _ in some],
                    shown=[shown for _, shown in some],
                    hashes=[" ".join(phone_hashes(key, phone)) if phone else "" for phone in phones],
                )
        return [sender for sender, _ in rows]

    def _run(self, name: str, **values: object) -> int:
        """One statement, which writes only where the source is ours; how many rows it wrote."""
        return SQL.run(self._db, name, source=self._subject.source, holder=self.holder, **values).rowcount

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with transaction(self._db):
            SQL.run(self._db, "commit_at_once")
            yield


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, _ROWS_AT_ONCE)):
        yield some


def publish_scan(db: Database, look: Look, restarts: Restarts, alerts: Alerts | None) -> None:
    """Publish how things are at the end of a scan, unless a `run` that lives speaks for the source."""
    publisher = Publisher(db, look.facts.subject, look.facts.now, restarts, None)
    with transaction(db):
        row = SQL.run(db, "published_day", source=look.facts.subject.source).fetchone()
    publisher.begin_day()
    publisher.judge(look.portions())
    if row is None or row[0] != publisher.day:
        publisher.put_usual(lambda: None)
        publisher.show_people()
    publisher.sign(look.checks, look.store(), alerts)
