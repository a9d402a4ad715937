"""A command that was used wrongly says so in one paragraph, with 2, before it asks a database that may be away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import Run
from tests.support.environment import environment, program

NO_DATABASE = "postgresql://127.0.0.1:1/nowhere"
TIMES = (("drops", "list"), ("drops", "export"), ("drops", "near"), ("replay",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *(((*command, "--since", "soon"), "--since 'soon' is no time.") for command in TIMES),
        *(((*command, "--until", ""), "--until '' is no time.") for command in TIMES),
        *(
            ((*command, "--since", "today", "--until", "yesterday"), "isn't before --until 'yesterday'.")
            for command in TIMES
        ),
        (("drops", "list", "--day", "today", "--since", "today"), "A day has its own beginning and end."),
        (("replay", "--drop", "seven"), "'seven' is not one drop number."),
        (("report", "daily", "--date", ""), "--date '' is no day."),
        (("db", "dump", ""), ". can't be written: Is a directory."),
        (("state", "adopt", "nowhere.json", "--bridge", "messages.db"), "nowhere.json can't be read: No such file"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_commands_own_words_are_looked_at_before_any_database(wamon: Run, words: tuple[str, ...], said: str) -> None:
    done = wamon(*words, WAMON_DATABASE_URL=NO_DATABASE)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "[Errno" not in done.stderr


ODD = "\udcff"  # as Python holds a byte that is no UTF-8


def test_a_word_that_isnt_utf8_is_named_where_postgresql_would_have_to_take_it(wamon: Run, dsn: str) -> None:
    done = wamon("trace", f"DR{ODD}", WAMON_DATABASE_URL=dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "DR\\xff can't be used here: it isn't UTF-8, and PostgreSQL takes nothing else. "
        "Have the terminal send UTF-8, or give the file or folder another name.\n"
    )


def test_a_file_may_have_a_name_that_isnt_utf8(dsn: str, tmp_path: Path) -> None:
    environ = environment(WAMON_DATABASE_URL=dsn, PYTHONIOENCODING="utf-8:strict")
    command = [*program(), "db", "dump", f"{ODD}.dump"]
    done = subprocess.run(command, check=False, capture_output=True, env=environ, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"/\xff.dump, " in done.stdout
    assert (tmp_path / f"{ODD}.dump").stat().st_size


def test_an_empty_name_of_a_config_is_no_config(wamon: Run) -> None:
    done = wamon("config", "check", "--config", "")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "The config . can't be read: Is a directory. Check the path and its rights.\n"


def test_a_store_that_isnt_there_is_told_with_both_ways_to_name_it(wamon: Run) -> None:
    for command in ("groups", "scan"):
        done = wamon(command, "--bridge", "nowhere.db", WAMON_DATABASE_URL=NO_DATABASE)
        assert done.returncode == 69
        assert done.stderr.startswith("The bridge's store nowhere.db isn't there. Is bridge.path, or --bridge, right")


def test_a_verify_of_a_file_that_is_no_store_could_not_compare(wamon: Run, tmp_path: Path, dsn: str) -> None:
    (tmp_path / "notes.db").write_text("Not a store. " * 100, "utf-8")
    done = wamon("verify", "--bridge", "notes.db", "--group", "Lawley", WAMON_DATABASE_URL=dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert "notes.db is no SQLite file. " in done.stderr
