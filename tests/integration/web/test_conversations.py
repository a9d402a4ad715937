"""Conversations as `wamon web` shows them to people and machines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversations import PHONE, Talks
from tests.support.office import Office
from tests.support.web import TOKEN, Site, serving

ORPHANS = "/debug/check-orphaned-messages"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("talks")
    office = Office(folder / "office", _reused_18.empty(), Path("no-store.db"), privacy={"show": "phones"})
    office.set(conversations={"enabled": True})
    with serving(office, token=TOKEN) as site:
        yield site


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


def test_the_orphans_check_makes_due_what_is_overdue_and_finds_nothing_more(site: Site, talks: Talks) -> None:
    direct = talks.chat()
    talks.conversation(talks.person(), direct, overdue=90)
    talks.conversation(talks.person("27820000002"), direct)

    assert site.get(f"{ORPHANS}?dry_run=1", **BEARER).json["processed"] == []
    assert site.get(ORPHANS, **BEARER).json == {
        "status": "ok",
        "orphaned_count": 1,
        "orphaned_wa_ids": [PHONE],
        "processed": [PHONE],
        "message": "Found and triggered processing for 1 orphaned conversations",
        "buffered_wa_ids": ["27820000002"],
    }
    assert site.ask("POST", ORPHANS, **BEARER).json["message"] == "No orphaned messages found"


def test_who_brings_no_proof_is_told_hashes_whatever_the_config_shows(site: Site, talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat(), overdue=90)

    assert site.get(ORPHANS).json["processed"] == [talks.hashed()]
