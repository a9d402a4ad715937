"""How much a command talks: as much as is usual, nothing (-q), or what it does (-v)."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Run
from tests.support.office import Office


@pytest.mark.parametrize(
    "words", [("-q", "scan"), ("scan", "--quiet"), ("verify", "-q"), ("replay", "-q")], ids=" ".join
)
def test_a_quiet_command_that_goes_well_prints_nothing(office: Office, wamon: Run, words: tuple[str, ...]) -> None:
    office.scan()
    done = wamon(*words, "--config", str(office.config_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_quiet_command_prints_what_was_asked_for(office: Office, wamon: Run) -> None:
    office.scan()
    done = wamon("-q", "drops", "list", "--config", str(office.config_path))
    assert "DR1752028" in done.stdout


def test_a_quiet_command_says_what_failed(wamon: Run) -> None:
    done = wamon("-q", "scan", "--config", "nowhere.yaml")
    assert (done.returncode, done.stdout) == (78, "")
    assert "nowhere.yaml" in done.stderr


def test_a_verbose_scan_says_what_it_does_on_stderr(office: Office, wamon: Run) -> None:
    usual = wamon("scan", "--config", str(office.config_path))
    verbose = wamon("-v", "scan", "--config", str(office.config_path))
    assert "The config is" not in usual.stderr
    assert f"The config is {office.config_path}." in verbose.stderr
    assert "Recorded 0 messages, up to row" in verbose.stderr
    assert "database" not in verbose.stderr


@pytest.mark.parametrize("words", [("-vv", "scan"), ("-v", "scan", "-v")], ids=" ".join)
def test_twice_verbose_names_the_database_without_its_password(
    office: Office, wamon: Run, words: tuple[str, ...]
) -> None:
    done = wamon(*words, "--config", str(office.config_path))
    assert "The database is " in done.stderr


def test_quiet_and_verbose_contradict_each_other(wamon: Run) -> None:
    done = wamon("-q", "-v", "scan")
    assert done.returncode == 2
    assert "can't be said together with --quiet" in done.stderr
