"""A scan that is ended at any step boundary, and started again, ends like one that nothing disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.bridges import PROJECTS, VeryGoodPlugins
from tests.support.office import Office
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon import failpoints
from wamon.errors import WamonError
from wamon.failpoints import NAMES
from wamon.model import Sizes

SCANNED = [name for name in NAMES if not name.startswith(("embedded.", "reply.")) and name != "record.replayed"]
"""The others are held by test_embedded.py, test_replies.py and test_replay.py."""

MET_LATER = {"record.known", "retry.recorded", "record.admitted", "tail.merged"}
NOT_MET = {
    *(("later", name) for name in NAMES if name.startswith("migration.") or name == "state.adopted"),
    *(("first", name) for name in NAMES if name.startswith("sweep.") or name in MET_LATER),
}
"""Boundaries that a scan of this stage doesn't come to."""

DIED_OF_A_FORESEEN_ERROR = 3
SIZES = Sizes(page_rows=60, pages_a_batch=1)


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
            db.execute(f"CREATE DATABASE {name} TEMPLATE {self.database}")
        shutil.copytree(self.folder, folder)
        dsn = make_conninfo(self.server, dbname=name)
        return Office(folder / "office", dsn, folder / "messages.db", SIZES, groups=self.groups)

    def keep(self, office: Office) -> None:
        """Have the stage begin where this office stands."""
        self.database = str(conninfo_to_dict(office.dsn)["dbname"])

    def end(self, office: Office) -> None:
        with psycopg.connect(self.server, autocommit=True) as db:
            db.execute(f"DROP DATABASE {conninfo_to_dict(office.dsn)['dbname']} WITH (FORCE)")
        shutil.rmtree(office.folder.parent)


@pytest.fixture(scope="module")
def stages(_embedded_18: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """`first`: an empty database, an old state file, several pages. `later`: a group added, edits, a retry, a sweep."""
    folder = tmp_path_factory.mktemp("stages")
    jids = list(PROJECTS)
    groups: list[dict[str, Any]] = [{"name": name, "jid": jid} for jid, name in PROJECTS.items()]
    groups[2]["validate"] = True
    first = Stage(folder / "first", _embedded_18, groups[:3])
    later = Stage(folder / "later", _embedded_18, groups)
    first.folder.mkdir()
    with Field(VeryGoodPlugins(first.folder / "messages.db", seed=3, durable=False), watched=False) as field:
        old = field.post(jids[0], "DR1000001")
        write_traffic(field, 160, seed=3)
        _write_old_state(first.folder, jids[0], old)
    shutil.copytree(first.folder, later.folder)
    _live_on(first, later, folder / "meanwhile", jids)
    yield {"first": first, "later": later}
    with psycopg.connect(_embedded_18, autocommit=True) as db:
        db.execute(f"DROP DATABASE {later.database} WITH (FORCE)")


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
        office.query("DROP TRIGGER refuse ON public.qa_photo_reviews")
        office.query("UPDATE wamon.dead_letters SET next_try_at = now() - interval '1 minute'")
        assert office.query("SELECT message_id FROM wamon.ledger WHERE status = 'retry'") == [poison]
        field.edit(edited, "DR2000002 and DR2000003")
        write_traffic(field, 130, seed=5)
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
        CREATE TRIGGER refuse BEFORE INSERT ON public.qa_photo_reviews FOR EACH ROW EXECUTE FUNCTION public.refuse()
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


@pytest.fixture(scope="module")
def undisturbed(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    ends = {}
    for name, stage in stages.items():
        office = stage.begin(tmp_path_factory.mktemp("undisturbed") / name)
        office.scan()
        ends[name] = outcome(office)
        stage.end(office)
    assert ends["later"]["letters"] == []
    return ends


@pytest.mark.parametrize("stage_name", ["first", "later"])
@pytest.mark.parametrize("name", SCANNED)
@pytest.mark.fault("F1", "F60")
def test_a_scan_ended_at_a_boundary_and_started_again_ends_as_if_undisturbed(
    tmp_path: Path, stages: dict[str, Stage], undisturbed: dict[str, dict[str, Any]], stage_name: str, name: str
) -> None:
    stage = stages[stage_name]
    for nth, action in [(1, "kill"), (2, "kill"), (3, "kill"), (1, "raise"), (1, "hang")]:
        office = stage.begin(tmp_path / f"{nth}{action}")
        reached = _disturbed(office.scan, f"{name}:{nth}:{action}")
        office.scan()
        assert outcome(office) == undisturbed[stage_name], f"{name}:{nth}:{action}"
        assert office.verify().clean
        stage.end(office)
        assert reached or nth > 1 or (stage_name, name) in NOT_MET, f"{name} was never met"
        if not reached:
            break


def _disturbed(scan: Callable[[], object], failpoint: str) -> bool:
    """Run the scan in a forked child with this failpoint, end it where it hangs; whether the failpoint was reached."""
    hung, told = os.pipe()
    child = os.fork()
    if child == 0:
        _scan_and_exit(scan, failpoint, told)
    os.close(told)
    if os.read(hung, 1):
        os.kill(child, signal.SIGKILL)
    os.close(hung)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) in {0, DIED_OF_A_FORESEEN_ERROR}
    return os.WEXITSTATUS(status) == DIED_OF_A_FORESEEN_ERROR


def _tell_and_wait(told: int) -> None:
    os.write(told, b"h")
    threading.Event().wait()


def _scan_and_exit(scan: Callable[[], object], failpoint: str, told: int) -> None:
    os.environ["WAMON_FAILPOINT"] = failpoint
    setattr(failpoints, "hang", lambda: _tell_and_wait(told))  # noqa: B010
    code = 1
    try:
        scan()
        code = 0
    except WamonError:
        code = DIED_OF_A_FORESEEN_ERROR
    finally:
        os._exit(code)
