"""Whatever bridge, state file, PostgreSQL and wamons do in whatever order: nothing is lost, and nothing doubled.

A machine that hypothesis drives and, on a failure, shrinks to its fewest steps. WAMON_CHAOS_EXAMPLES=2000 runs that
many examples of 50 steps at random.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from psycopg.conninfo import make_conninfo
from psycopg.errors import UndefinedTable

from tests.support.bridges import PROJECTS, Gowa, Key, Lharries, Renumbering, VeryGoodPlugins, Wacli
from tests.support.chaos import Movable, Running, Stalled, ahead, failing, record, until_killed
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.oracle import (
    FEWEST_THAT_BREAK,
    MOST_ATTEMPTS,
    POISON,
    Recorded,
    Stored,
    assert_agrees,
    assert_is_first,
    assert_may_follow,
    assert_parked_well,
    assert_saw,
    state_of,
)
from tests.support.server import Server
from wamon.app.commands import opened
from wamon.app.configured import bridge_of, configured
from wamon.bridge.store import Overlap
from wamon.capture.scan import catch_up, retry_one, scan, scan_groups
from wamon.capture.verify import Verification
from wamon.errors import BridgeUnavailable, DatabaseUnavailable, Retryable, Superseded, WamonError
from wamon.failpoints import NAMES
from wamon.ledger.dead_letters import letters
from wamon.model import MAIN, Sizes

SIZES = Sizes(page_rows=10, overlap_rows=5)
MOST_BACKUPS = 2  # each takes as long as five other steps
TEXTS = [
    "no number",
    "DR1000001",
    "done: DR1000002",
    "DR1000003, DR1000004",
    *(f"DR{n}" for n in range(1000001, 1000020)),
    POISON[0],
    f"{POISON[1]} and DR1000001",
]
BRIDGES = (Lharries, VeryGoodPlugins, Wacli, Gowa)
ELSEWHERE = "120363400000000000@g.us"
CHATS = [*PROJECTS, ELSEWHERE]
BOUNDARIES = [
    name
    for name in NAMES
    if not name.startswith(
        ("agent.", "embedded.", "events.", "migration.", "reply.", "hook.", "burst.", "turn.", "missed.")
    )
    and name not in {"state.adopted", "sweep.orphans"}
]

texts = st.sampled_from(TEXTS)
chats = st.sampled_from(CHATS)
places = st.one_of(st.integers(0, SIZES.overlap_rows), st.integers(0, 200))
"""Counted from the newest row, so that many lie within the overlap."""
daemons = st.sampled_from(["one", "two"])
COME_DUE = "UPDATE wamon.dead_letters SET next_try_at = now() WHERE next_try_at IS NOT NULL"
REFUSING = f"""
    CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.drop_number = ANY('{{{",".join(POISON)}}}') THEN RAISE 'refused'; END IF; RETURN NEW; END $$;
    CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE ON public.qa_photo_reviews
    FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""


class Chaos(RuleBasedStateMachine):
    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__()
        self.server = server
        self.folder = folder / uuid4().hex
        self.folder.mkdir()
        self.database = f"chaos{uuid4().hex}"
        self.dsn = make_conninfo(server.dsn, dbname=self.database)
        self.looking: psycopg.Connection[Any] | None = None
        self.copies: list[Path] = []
        self.old_state: bytes | None = None
        self.backups = self.restarts = 0
        self.daemons: dict[str, Running] = {}
        self.stalled: Stalled | None = None
        self._administer(f"CREATE DATABASE {self.database} TEMPLATE migrated")

    @initialize(bridge=st.sampled_from(BRIDGES), count=st.integers(0, 40), text=places)
    def begin(self, bridge: type[Lharries | Wacli | Gowa], count: int, text: int) -> None:
        self.bridge = bridge(self.folder / "messages.db", durable=False)
        self.office = Office(self.folder / "office", self.dsn, self.bridge.path)
        self.config = configured(self.office.config_path, {})
        self.clock = Movable(lambda: self.bridge.now)
        self._write_chats()
        self.burst(count, text)

    # What the bridge does

    @rule(chat=chats, text=texts, hours_late=st.sampled_from([0, 0, 0, 1, 50]))
    def post(self, chat: str, text: str, hours_late: int) -> None:
        at = self.bridge.now - timedelta(hours=hours_late) if hours_late else None
        self.bridge.post(chat, text, at=at)

    @rule(count=st.integers(1, 25), text=places)
    def burst(self, count: int, text: int) -> None:
        with self.bridge.batch():
            for n in range(count):
                self.bridge.post(CHATS[n % len(CHATS)], TEXTS[(text + n) % len(TEXTS)])

    @rule(count=st.integers(1, 3))
    def post_what_may_be_refused(self, count: int) -> None:
        with self.bridge.batch():
            for n, number in enumerate(POISON[:count]):
                self.bridge.post(CHATS[n % len(PROJECTS)], number)

    @rule(place=places, chat=chats, text=texts)
    def post_an_id_that_another_chat_knows(self, place: int, chat: str, text: str) -> None:
        if key := self._key(place):
            self.bridge.post(chat, text, message_id=key.message_id)

    @rule(place=places, text=st.one_of(st.none(), texts))
    def redeliver(self, place: int, text: str | None) -> None:
        """Also one that vanished from the store."""
        sent = sorted(self.bridge.sent)
        if sent:
            key = sent[place % len(sent)]
            self.bridge.redeliver(key.message_id, text=text, chat=key.chat)

    @rule(place=places, text=texts, between_passes_of=st.sampled_from([None, "one", "two"]))
    def edit(self, place: int, text: str, between_passes_of: str | None) -> None:
        if between_passes_of:
            self.daemon_passes(between_passes_of)
        if key := self._key(place):
            self.bridge.edit(key.message_id, text, chat=key.chat)
        if between_passes_of:
            self.daemon_passes(between_passes_of)

    @rule(place=places, how=st.sampled_from(["blank", "revoke", "delete"]))
    def take_away(self, place: int, how: str) -> None:
        if key := self._key(place):
            getattr(self.bridge, how)(key.message_id, chat=key.chat)

    @rule(count=st.integers(1, 30), then=st.integers(0, 40), text=places)
    def delete_top(self, count: int, then: int, text: int) -> None:
        self.bridge.delete_top(count)
        self.burst(then, text)

    @rule(how=st.sampled_from(["reload", "update", "shuffle"]))
    def renumber(self, how: Renumbering) -> None:
        self.bridge.renumber(how)

    @rule()
    def keep_a_copy(self) -> None:
        self.bridge.close()
        self.copies.append(self.folder / f"copy{len(self.copies)}.db")
        shutil.copy(self.bridge.path, self.copies[-1])
        self.bridge.reopen()

    @precondition(lambda self: self.copies)
    @rule(which=places, then=st.integers(0, 40), text=places)
    def restore_a_copy(self, which: int, then: int, text: int) -> None:
        self._exchange(self.copies[which % len(self.copies)])
        self.burst(then, text)

    @rule(then=st.integers(0, 40), text=places)
    def make_the_store_anew(self, then: int, text: int) -> None:
        self._exchange(None)
        self.burst(then, text)

    @rule(daemon=daemons)
    def hold_the_store_locked(self, daemon: str) -> None:
        """A store in WAL mode can be read meanwhile; no other pass may write a thing.

        A lock that comes between two reads of one pass is left out: what the overlap showed at the first is then
        forgotten until the next sweep, as long as the daemon doesn't read its position again after it.
        """
        pipeline = self._running(daemon).pipeline
        with self.bridge.locked():
            before = self._look()
            try:
                with self._step():
                    catch_up(pipeline)
            except BridgeUnavailable:
                assert self._look() == before
            except WamonError:
                self._end(daemon)

    # What happens to the state file

    # An old file {jid: message id} is no damage, but an order where to start: test_starts.py holds it.
    @rule(what=st.sampled_from(["deleted", "cut", "ahead", "", "{", '{"a": 1}', "[]", '{"version": 1}', "\0" * 50]))
    def spoil_the_state(self, what: str) -> None:
        path = self.office.state_path
        if not path.exists():
            return
        if what == "deleted":
            path.unlink()
        elif what == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            path.write_text(ahead(path) if what == "ahead" else what)

    @rule(is_kept=st.booleans())
    def keep_the_state_or_put_an_older_one_back(self, is_kept: bool) -> None:
        path = self.office.state_path
        if is_kept and path.exists():
            self.old_state = path.read_bytes()
        elif self.old_state is not None:
            path.write_bytes(self.old_state)

    # What happens to PostgreSQL

    @rule()
    def end_all_connections(self) -> None:
        self._disturb()
        self._disconnect()

    @rule(with_reviews=st.booleans())
    def empty_the_database(self, with_reviews: bool) -> None:
        """Another schema has another identity.

        All connections end, as they do when another server takes over. Where one lives on, its wamon's number can
        meet the same number in the new schema, which tells nobody that it is another's: then its fence holds.
        """
        self._disturb()
        self._disconnect()
        self._database().execute("DROP SCHEMA IF EXISTS wamon CASCADE")
        if with_reviews:
            self._database().execute("DROP TABLE IF EXISTS public.qa_photo_reviews")

    @precondition(lambda self: self.backups < MOST_BACKUPS)
    @rule()
    def back_up_the_database(self) -> None:
        self._disturb()
        self._disconnect()
        self._administer(
            f"DROP DATABASE IF EXISTS {self.database}_old",
            f"CREATE DATABASE {self.database}_old TEMPLATE {self.database}",
        )
        self.backups += 1

    @precondition(lambda self: self.backups)
    @rule()
    def restore_the_backup(self) -> None:
        self._disturb()
        self._disconnect()
        self._administer(
            f"DROP DATABASE {self.database} WITH (FORCE)",
            f"CREATE DATABASE {self.database} TEMPLATE {self.database}_old",
        )

    @rule()
    def scan_while_the_database_is_read_only(self) -> None:
        before = self._look()
        self._administer(f"ALTER DATABASE {self.database} SET default_transaction_read_only = on")
        try:
            with pytest.raises(Retryable), self._opened() as pipeline:
                catch_up(pipeline)
        finally:
            self._administer(f"ALTER DATABASE {self.database} RESET default_transaction_read_only")
        assert self._look() == before

    @precondition(lambda self: not self.restarts)  # each takes as long as ten other steps
    @rule(daemon=daemons, name=st.sampled_from(BOUNDARIES), place=places)
    def restart_the_server_while_a_daemon_works(self, daemon: str, name: str, place: int) -> None:
        """At once, as a power cut would, at a step's boundary; where the daemon doesn't come to it, after its pass."""
        self.edit(place, TEXTS[place % len(TEXTS)], None)
        running = self._running(daemon)
        with self._step(), suppress(WamonError), failing(f"{name}:1:raise", self._restart):
            catch_up(running.pipeline)
        if not self.restarts:
            self._restart()
        self._end(daemon)

    # What people do in PostgreSQL

    @rule(count=st.sampled_from([1, 1, 2, len(POISON)]), among=st.integers(0, 25), text=places)
    def refuse(self, count: int, among: int, text: int) -> None:
        """From now on the review table takes some numbers no more. Of few, each is parked; many stop the scan."""
        self.scan()
        self._database().execute(REFUSING)
        self.post_what_may_be_refused(count)
        self.burst(among, text)
        self.scan()

    @rule()
    def relent(self) -> None:
        self._database().execute("DROP FUNCTION IF EXISTS public.refuse() CASCADE")

    @rule(of=st.sampled_from([*POISON, "DR1000001", "DR1000002"]))
    def delete_a_review_row(self, of: str) -> None:
        with suppress(UndefinedTable):
            self._database().execute("DELETE FROM public.qa_photo_reviews WHERE drop_number = %s", [of])

    @rule(times=st.integers(1, MOST_ATTEMPTS), relents=st.booleans())
    def let_letters_come_due(self, times: int, relents: bool) -> None:
        for n in range(times):
            if self._look().letters:
                self._database().execute(COME_DUE)
            if relents and n == times - 1:
                self.relent()
            self.scan()

    @rule()
    def retry_the_letters(self) -> None:
        with self._step(), self._opened() as pipeline:
            for letter in letters(pipeline.source.db, pipeline.source.name):
                retry_one(pipeline, letter)

    # What wamons do

    @rule()
    def scan(self) -> None:
        with self._may_be_refused(), self._step(must_see=True):
            self._scan()
            self._assert_the_state_follows()  # after a commit: a scan that is refused all leaves it as it was

    @rule(project=st.sampled_from(list(PROJECTS.values())))
    def scan_one_group(self, project: str) -> None:
        with self._may_be_refused(), self._step(), self._opened() as pipeline:
            scan_groups(pipeline, pipeline.named([project]))

    @rule()
    def sweep(self) -> None:
        with self._may_be_refused(), self._step(must_see=True), self._opened() as pipeline:
            self._database().execute("UPDATE wamon.sources SET sweep_due = 'test'")
            scan(pipeline)
            self._assert_is_whole()

    @rule(name=st.sampled_from(BOUNDARIES), nth=st.integers(1, 3))
    def scan_until_killed(self, name: str, nth: int) -> None:
        may_break = self._may_break()
        with self._step():
            until_killed(self._scan, f"{name}:{nth}:kill", may_break=may_break)

    @rule(daemon=daemons)
    def daemon_passes(self, daemon: str) -> None:
        running = self._running(daemon)
        is_current = (running.pipeline.source.instance, running.pipeline.source.seq) == self._at()
        try:
            with self._step(must_see=is_current):
                catch_up(running.pipeline)
        except WamonError as error:
            if not running.is_disturbed:
                self._must_be_the_breaker(error)
            self._end(daemon)

    @rule(daemon=daemons, name=st.sampled_from(BOUNDARIES), nth=st.integers(1, 3), ends=st.booleans(), place=places)
    def daemon_fails(self, daemon: str, name: str, nth: int, ends: bool, place: int) -> None:
        """At a step's boundary, also after a commit; then it begins again, or reads its position again and goes on."""
        self.edit(place, TEXTS[place % len(TEXTS)], None)
        running = self._running(daemon)
        try:
            with self._step(), failing(f"{name}:{nth}:raise"):
                catch_up(running.pipeline)
        except WamonError:
            if ends or running.is_disturbed:
                self._end(daemon)
            else:
                running.pipeline.reload()
        self.daemon_passes(daemon)

    @rule(daemon=daemons)
    def daemon_ends(self, daemon: str) -> None:
        if daemon in self.daemons:
            self._end(daemon)

    @precondition(lambda self: self.stalled is None)
    @rule()
    def stall(self) -> None:
        with self._step():
            running = self._begun()
            pipeline = running.pipeline
            page = pipeline.store.read_page(pipeline.source.tails[MAIN], pipeline.source.wanted(MAIN), Overlap())
        self.stalled = Stalled(running, page, Stored.of(self.bridge), self._at())

    @precondition(lambda self: self.stalled is not None)
    @rule()
    def wake_up(self) -> None:
        stalled, self.stalled = self.stalled, None
        assert stalled is not None
        before = self._look()
        with stalled.wamon.stack, self._step(also_read=stalled.read):
            try:
                record(stalled)
            except Superseded:
                assert stalled.at != (before.instance, before.seq)
            except WamonError as error:
                if not stalled.wamon.is_disturbed:
                    self._must_be_the_breaker(error)
        if stalled.at != (before.instance, before.seq):
            assert self._look() == before, "it had lost its turn, and wrote"

    @rule(hours=st.sampled_from([-10_000, -1, 0, 1, 10_000]))
    def move_the_clock(self, hours: int) -> None:
        self.clock.away = timedelta(hours=hours)

    # The end

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and hasattr(self, "office"):
                self._come_to_rest()
        finally:
            self._clear_away()

    def _come_to_rest(self) -> None:
        self.relent()
        if self.stalled:
            self.wake_up()
        for daemon in list(self.daemons):
            self._end(daemon)
        self.scan()
        self.sweep()
        self.retry_the_letters()
        with self._opened() as pipeline:
            scan(pipeline)
            verified = Verification(pipeline, list(pipeline.source.groups.values())).verify()
        self._assert_is_whole()
        assert verified.clean, verified.problems
        self._assert_only_what_vanished_is_dead(verified.dead)
        before = self._everything()
        self._database().execute("DELETE FROM wamon.cursors")
        self.office.state_path.unlink()
        self._scan()
        assert self._everything() == before

    def _assert_only_what_vanished_is_dead(self, told: int) -> None:
        now, stored = self._look(), Stored.of(self.bridge)
        assert told == len(now.letters)
        for key, letter in now.letters.items():
            assert not letter.waits
            assert not stored.texts.get(key, "").strip(), f"{key} could be recorded"

    def _assert_is_whole(self) -> None:
        """Once all was swept: the ledger says what the store says, and of what vanished that it is gone."""
        now, stored = self._look(), Stored.of(self.bridge)
        assert_saw(now, stored.texts)
        assert now.gone == now.texts.keys() - stored.texts.keys()
        submissions = (
            "SELECT project, drop_number, chat_jid, message_id, sent_at, kind FROM wamon.submissions WHERE live"
        )
        assert_is_first(self._database().execute(submissions).fetchall())
        drops = self._database().execute("SELECT project, drop_number FROM wamon.drops").fetchall()
        assert set(drops) == {(PROJECTS[key.chat], number) for (key, number), live in now.submissions.items() if live}

    def _everything(self) -> list[Any]:
        """All that a replay must not change."""
        ledger = "SELECT chat_jid, message_id, status, reason, revision, content_hash, sender, sent_at, gone_at"
        rows = [f"{ledger} FROM wamon.ledger ORDER BY 1, 2", "SELECT * FROM wamon.submissions ORDER BY 1, 2, 3, 4"]
        return [
            self._database().execute(each).fetchall() for each in [*rows, "SELECT * FROM wamon.drops ORDER BY 1, 2"]
        ]

    def _assert_the_state_follows(self) -> None:
        now = self._look()
        told = state_of(self.office.state_path, "main")
        assert told is not None
        assert told[0] == now.instance
        assert told[1] <= now.seq

    @contextmanager
    def _step(self, *, must_see: bool = False, also_read: Stored | None = None) -> Iterator[None]:
        """Something that wamons do, and what must hold of it, however it ends."""
        before, stored, refuses = self._look(), Stored.of(self.bridge), self._refuses()
        try:
            yield
        finally:
            after = self._look()
            assert_may_follow(before, after, stored, also_read, SIZES.overlap_rows)
            assert_parked_well(before, after, stored, refuses=refuses)
            assert_agrees(after)
        if must_see:
            for jid in PROJECTS:
                _, anchors = before.cursors.get(jid, (0, []))
                seen = stored.seen_from(anchors, SIZES.overlap_rows)
                assert_saw(after, {key: text for key, text in seen.items() if key.chat == jid})

    @contextmanager
    def _may_be_refused(self) -> Iterator[None]:
        """A scan ends early where PostgreSQL refuses message after message, and only there."""
        try:
            yield
        except DatabaseUnavailable as error:
            self._must_be_the_breaker(error)

    def _must_be_the_breaker(self, error: WamonError) -> None:
        if "message after message" not in str(error) or not self._may_break():
            raise error

    def _may_break(self) -> bool:
        return self._refuses() and len(self._look().refusable(Stored.of(self.bridge))) >= FEWEST_THAT_BREAK

    def _refuses(self) -> bool:
        return bool(self._database().execute("SELECT FROM pg_trigger WHERE tgname = 'refuse'").fetchall())

    def _look(self) -> Recorded:
        return Recorded.of(self._database(), ["", *TEXTS, *POISON])

    def _database(self) -> psycopg.Connection[Any]:
        if self.looking is None:
            self.looking = psycopg.connect(self.dsn, autocommit=True)
        return self.looking

    def _at(self) -> tuple[str | None, int]:
        now = self._look()
        return now.instance, now.seq

    def _key(self, place: int) -> Key | None:
        keys = list(self.bridge.rowids())
        return keys[-1 - place % len(keys)] if keys else None

    def _write_chats(self) -> None:
        for jid in CHATS:
            self.bridge.chat(jid, PROJECTS.get(jid, "Elsewhere"))

    def _exchange(self, copy: Path | None) -> None:
        self.bridge.close()
        self.bridge.path.unlink()
        if copy is not None:
            shutil.copy(copy, self.bridge.path)
        self.bridge.reopen()
        self._write_chats()

    def _opened(self) -> Any:
        return opened(self.config, replace(bridge_of(self.config), sizes=SIZES), self.clock)

    def _scan(self) -> None:
        with self._opened() as pipeline:
            scan(pipeline)

    def _begun(self) -> Running:
        with ExitStack() as stack:
            pipeline = stack.enter_context(self._opened())
            return Running(stack.pop_all(), pipeline)

    def _running(self, daemon: str) -> Running:
        if daemon not in self.daemons:
            with self._step():
                self.daemons[daemon] = self._begun()
        return self.daemons[daemon]

    def _end(self, daemon: str) -> None:
        self.daemons.pop(daemon).stack.close()

    def _disturb(self) -> None:
        for running in [*self.daemons.values(), *([self.stalled.wamon] if self.stalled else [])]:
            running.is_disturbed = True

    def _restart(self, *_: object) -> None:
        self.restarts += 1
        self._disturb()
        self._look_no_more()
        self.server.stop("immediate")
        self.server.start()

    def _disconnect(self) -> None:
        self._look_no_more()
        self._administer(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{self.database}'"
        )

    def _look_no_more(self) -> None:
        if self.looking is not None:
            self.looking.close()
            self.looking = None

    def _administer(self, *statements: str) -> None:
        with psycopg.connect(self.server.dsn, autocommit=True) as db:
            for statement in statements:
                db.execute(cast("Any", statement))

    def _clear_away(self) -> None:
        for running in [*self.daemons.values(), *([self.stalled.wamon] if self.stalled else [])]:
            running.stack.close()
        if hasattr(self, "bridge"):
            self.bridge.close()
        self._disconnect()
        for name in (self.database, f"{self.database}_old"):
            self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        shutil.rmtree(self.folder)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a lock."""
    monkeypatch.setattr("wamon.bridge.snapshot._BUSY_TIMEOUT_SECONDS", 0.01)


STABLE = settings(
    max_examples=4,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
AT_RANDOM = settings(STABLE, max_examples=max(EXAMPLES, 1), stateful_step_count=50, derandomize=False, print_blob=True)


@pytest.mark.timeout(0 if EXAMPLES else 600)
@pytest.mark.usefixtures("impatient")
def test_whatever_happens_in_whatever_order_nothing_is_lost_or_doubled(server: Server, tmp_path: Path) -> None:
    class Here(Chaos):
        def __init__(self) -> None:
            super().__init__(server, tmp_path)

    run_state_machine_as_test(Here, settings=AT_RANDOM if EXAMPLES else STABLE)
