"""Two moments in an office's life, and scans from there that are ended at a step boundary."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support import asking
from tests.support.bridges import PROJECTS, VeryGoodPlugins
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon import failpoints
from wamon.errors import WamonError
from wamon.failpoints import NAMES
from wamon.model import Sizes

_OF_TURNS = ("agent.", "burst.", "missed.", "sweep.orphans", "turn.")
_OF_OTHERS = ("embedded.", "event.", "events.", "hook.", "identity.", "record.replayed", "reply.", *_OF_TURNS)
SCANNED = [name for name in NAMES if not name.startswith(_OF_OTHERS)]
"""Of a scan; others are held by test_embedded.py, test_crash_of_an_intake.py, test_crash_of_turns.py, test_replies.py
and test_replay.py."""

ONLY_LATER = {
    "record.known",
    "retry.recorded",
    "record.admitted",
    "tail.merged",
    "sweep.page",
    "sweep.gone",
    "sweep.recorded",
}
ONLY_FIRST = {name for name in NAMES if name.startswith("migration.")} | {"state.adopted"}
IN_BOTH = [name for name in SCANNED if name not in ONLY_FIRST | ONLY_LATER]
TRIED_FIRST = SCANNED if EXAMPLES else [name for name in SCANNED if name in ONLY_FIRST or name in IN_BOTH[::2]]
TRIED_LATER = SCANNED if EXAMPLES else [name for name in SCANNED if name not in ONLY_FIRST]

Way = tuple[int, str]
"""A scan ends at the nth time that it meets a boundary, so."""

KILLED, FAILED = (1, "kill"), (1, "raise")
ALL_WAYS = [KILLED, (2, "kill"), (3, "kill"), FAILED, (1, "hang")]

DIED_OF_A_FORESEEN_ERROR, WENT_ON_BEYOND_IT = 3, 4
SIZES = Sizes(page_rows=30, pages_a_batch=1)


class Stage:
    """A moment in an office's life that can be had again and again: its database, store, config and state file."""

    def __init__(self, folder: Path, server: str, groups: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.server = server
        self.groups = groups
        self.database = "template0"

    def begin(self, folder: Path) -> Office:
        name = f"stage{uuid4().hex}"
        with psycopg.connect(self.server, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE {self.database} STRATEGY file_copy")
        shutil.copytree(self.folder, folder)
        dsn = make_conninfo(self.server, dbname=name)
        return Office(folder / "office", dsn, folder / "messages.db", SIZES, groups=self.groups)

    def with_schema(self) -> Stage:
        """The same moment, where the migrations have been applied already."""
        stage = Stage(self.folder, self.server, self.groups)
        stage.database = "migrated"
        return stage

    def keep(self, office: Office) -> None:
        """Have the stage begin where this office stands: PostgreSQL copies what nobody is connected to."""
        asking.end()
        self.database = str(conninfo_to_dict(office.dsn)["dbname"])

    def end(self, office: Office) -> None:
        with psycopg.connect(self.server, autocommit=True) as db:
            db.execute(f"DROP DATABASE {conninfo_to_dict(office.dsn)['dbname']} WITH (FORCE)")
        shutil.rmtree(office.folder.parent)


@contextmanager
def first(server: str, folder: Path) -> Iterator[Stage]:
    """An empty database, an old state file, several pages."""
    yield _first(server, folder)


def _groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [{"name": name, "jid": jid} for jid, name in PROJECTS.items()]
    groups[2]["validate"] = True
    return groups


def _first(server: str, folder: Path) -> Stage:
    stage = Stage(folder / "first", server, _groups()[:3])
    stage.folder.mkdir()
    with Field(VeryGoodPlugins(stage.folder / "messages.db", seed=3, durable=False), watched=False) as field:
        old = field.post(next(iter(PROJECTS)), "DR1000001")
        write_traffic(field, 80, seed=3)
        _write_old_state(stage.folder, next(iter(PROJECTS)), old)
    return stage


@contextmanager
def later(server: str, folder: Path) -> Iterator[Stage]:
    """After that one: a group added, edits, a retry, a sweep."""
    before = _first(server, folder)
    stage = Stage(folder / "later", server, _groups())
    shutil.copytree(before.folder, stage.folder)
    _live_on(before, stage, folder / "meanwhile", list(PROJECTS))
    yield stage
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"DROP DATABASE {stage.database} WITH (FORCE)")


def _write_old_state(folder: Path, jid: str, message_id: str) -> None:
    state = folder / "office" / "state"
    state.mkdir(parents=True)
    (state / "state.json").write_text(json.dumps({jid: message_id}))


def _live_on(first: Stage, later: Stage, meanwhile: Path, jids: list[str]) -> None:
    office = first.begin(meanwhile)
    office.scan()
    with Field(VeryGoodPlugins(later.folder / "messages.db", seed=4, durable=False), watched=False) as field:
        edited = field.post(jids[1], "DR2000001")
        poison = field.post(jids[1], "DR6666666")
        field.post(jids[2], "DR3000001")
        shutil.copy(field.path, office.store)
        _refuse_one_drop(office)
        project = PROJECTS[jids[2]]
        office.query("INSERT INTO wamon.allow_lists (project) VALUES (%s)", project)
        office.scan()
        assert office.query("SELECT drop_number FROM wamon.submissions WHERE kind = 'rejected'") == ["DR3000001"]
        office.query("INSERT INTO wamon.allowed_numbers VALUES (%s, 'DR3000001')", project)
        office.query("DROP TRIGGER refuse ON wamon.submission_rows")
        office.query("UPDATE wamon.dead_letters SET next_try_at = now() - interval '1 minute'")
        assert office.query("SELECT message_id FROM wamon.ledger WHERE status = 'retry'") == [poison]
        field.edit(edited, "DR2000002 and DR2000003")
        write_traffic(field, 65, seed=5)
    office.sweep()
    office.query("UPDATE wamon.ledger_rows SET content_hash = 1 WHERE message_id = %s", edited)
    later.keep(office)
    shutil.rmtree(later.folder / "office")
    shutil.copytree(office.folder, later.folder / "office")


def _refuse_one_drop(office: Office) -> None:
    office.query("""
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.drop_number = 'DR6666666' THEN RAISE 'no'; END IF; RETURN NEW; END $$
    """)
    office.query("""
        CREATE TRIGGER refuse BEFORE INSERT ON wamon.submission_rows FOR EACH ROW EXECUTE FUNCTION public.refuse()
    """)


def outcome(office: Office) -> dict[str, Any]:
    """All that must not depend on how a scan came about."""
    state = json.loads(office.state_path.read_text())
    return {
        **office.everything(),
        "review": office.query("SELECT drop_number, project, whatsapp_message_date, resubmitted FROM "
                               "public.qa_photo_reviews ORDER BY 1, 2"),
        "cursors": office.query("SELECT tail, rowid FROM wamon.cursors ORDER BY 1"),
        "groups": office.query("SELECT jid, tail, start, messages, last_message_id FROM wamon.groups ORDER BY 1"),
        "letters": office.query("SELECT message_id FROM wamon.dead_letters"),
        "state": {jid: (group["messages"], group["last_processed_id"]) for jid, group in state["groups"].items()},
        "rowids": {name: source["rowid"] for name, source in state["sources"].items()},
    }  # fmt: skip


def undisturbed(stage: Stage, folder: Path) -> dict[str, Any]:
    """Where a scan from there ends that nothing disturbs."""
    office = stage.begin(folder)
    office.scan()
    end = outcome(office)
    stage.end(office)
    assert end["letters"] == []
    return end


def ways(name: str, usual: Way) -> list[Way]:
    """In which a scan ends at this boundary. `make chaos` has them all.

    The suite has one for the first scan and another for the later one; and both for a boundary that only one meets.
    """
    if EXAMPLES:
        return ALL_WAYS
    return [KILLED, FAILED] if name in ONLY_FIRST | ONLY_LATER else [usual]


def ends_as_if_undisturbed(stage: Stage, folder: Path, name: str, usual: Way, end: dict[str, Any]) -> bool:
    """Scans that end at this boundary in each way, and are begun again, end there too; whether it was ever met."""
    met = False
    for nth, action in ways(name, usual):
        office = stage.begin(folder / f"{nth}{action}")
        reached = disturbed(office.scan, f"{name}:{nth}:{action}")
        if reached:
            office.scan()
            assert outcome(office) == end, f"{name}:{nth}:{action}"
            assert office.verify().clean
        stage.end(office)
        met = met or reached
        if not met:
            break
    return met


def disturbed(scan: Callable[[], object], failpoint: str, meanwhile: Callable[[], object] = bool) -> bool:
    """Run the scan in a forked child with this failpoint; whether it was reached.

    Where the child hangs, something else is done meanwhile, and then it is killed.
    """
    hung, told = os.pipe()
    child = _forked()
    if child == 0:
        _scan_and_exit(scan, failpoint, told)
    os.close(told)
    if os.read(hung, 1):
        try:
            meanwhile()
        finally:
            os.kill(child, signal.SIGKILL)
    os.close(hung)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) in {0, DIED_OF_A_FORESEEN_ERROR, WENT_ON_BEYOND_IT}
    return os.WEXITSTATUS(status) != 0


def _forked() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a stand-in's thread, which has no part in it
        return os.fork()


def _tell_and_wait(told: int) -> None:
    os.write(told, b"h")
    threading.Event().wait()


def _scan_and_exit(scan: Callable[[], object], failpoint: str, told: int) -> None:
    os.environ["WAMON_FAILPOINT"] = failpoint
    setattr(failpoints, "hang", lambda: _tell_and_wait(told))  # noqa: B010
    code = 1
    try:
        scan()
        name, nth, _ = failpoint.split(":")
        code = WENT_ON_BEYOND_IT if failpoints._reached[name] >= int(nth) else 0
    except WamonError:
        code = DIED_OF_A_FORESEEN_ERROR
    finally:
        os._exit(code)
