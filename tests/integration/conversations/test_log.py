"""The lines that users of the earlier systems look for: each in its words and level, with its ids, and no number."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import HOST
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office
from tests.support.talk import advance, desk, operator_writes, said, talking, write
from wamon.app.configured import configured
from wamon.conversations import worker
from wamon.conversations.answers import answers
from wamon.conversations.worker import Worker
from wamon.daemon.conversations import Begun, ConversationWorker
from wamon.daemon.passes import Passes
from wamon.daemon.stopping import Stopping
from wamon.postgres.connection import connected

LINES = """
debug [DEBUG] Parsed waId: {p}, message: {n} characters
debug [WEBHOOK] Detected text message for buffering
info [WEBHOOK] Message buffered successfully for {p}
critical [WEBHOOK] CRITICAL: Timer creation failed for {p} after buffering message! Message is orphaned and will be processed on next startup or at {time}. Error: Poison
info [TIMER_THREAD] Started new timer thread for {p} at {time}
info [TIMER_THREAD] Timer already running, message buffered for {p}
info [BUFFER] Timer for {p} started at {time}, settled after {s}s: {n} messages
info [BUFFER] Sending combined prompt for {p}: {n} messages, {n} characters
warning [BUFFER] Orphaned messages detected for {p} - starting new timer to process them
info [TIMER_THREAD] Started new timer for orphaned messages at {time}
info [BUFFER] Timer cleanup complete for {p}, no orphaned messages
info [STARTUP] Checking for orphaned messages in buffer...
info [STARTUP] Found 2 wa_ids with orphaned messages: [{p}, {p}]
info [STARTUP] Starting immediate processing for orphaned messages: {p}
info [STARTUP] Too old to answer, kept and listed: {p}
warning [ORPHAN] Found {n} wa_ids with orphaned messages
debug [MISSED_MESSAGES_DEBUG] {p}: Last webhook at {time}, time_diff={s}s, threshold=300s, check_missed=True
info [MISSED_MESSAGES_CHECK] {p}: Previous webhook at {time}, time_diff={s}s
info [MISSED_MESSAGES_CHECK] Found {n} chars of missed messages for {p}
info [MISSED_MESSAGES] Cutoff timestamp (PREVIOUS assistant response): {time}
info [MISSED_MESSAGES] Cutoff timestamp (PREVIOUS message, no response yet): {time}
info [MISSED_MESSAGES] Found 1 messages in gap for {p}
info [MISSED_MESSAGES] Found missed customer-agent messages for {p}
info [MISSED_MESSAGES] No messages found after {time} for {p}
info [CONVERSATION] No conversation found for {p}, creating new conversation
info [CONVERSATION] Created new conversation {uid} for {p}
"""  # noqa: E501
FORMS = {
    "{p}": "[0-9a-f]{12}",
    "{n}": "[0-9]+",
    "{s}": r"[0-9]+\.[0-9]",
    "{time}": "[0-9-]{10} [0-9:]{8}",
    "{uid}": "[0-9a-f-]{36}",
}
FIRST, SECOND = "27820000001", "27820000002"


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), templates={"fallback": "We call back."})
    office.set(hooks=[hook("wati", project="Lawley")])
    return office


def test_each_line_stands_in_the_log_as_it_did(
    office: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.DEBUG, "wamon"):
        _lived(office, monkeypatch)
    records = [record for record in caplog.records if record.getMessage().startswith("[")]
    for line in LINES.strip().splitlines():
        level, _, form = line.partition(" ")
        found = [one for one in records if re.fullmatch(_pattern(form), one.getMessage())]
        assert found, line
        for one in found:
            assert one.levelname.lower() == level
            assert one.__dict__["action"], line
            assert one.__dict__["correlation_id"], line
    assert not {FIRST, SECOND, "canary"} & set(re.findall(r"\w+", caplog.text))


def _pattern(form: str) -> str:
    pattern = re.escape(form)
    for name, its in FORMS.items():
        pattern = pattern.replace(re.escape(name), its)
    return pattern


def _work(office: Office) -> None:
    with desk(office) as at:
        its = Worker(at.turns, configured(office.config_path, {}), HOST)
        while its.work():
            pass


def _lived(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people, a follow-up, two gaps, a refusal, a start and a sweep."""
    during = said("canary")

    def answer(*given: Any) -> Any:
        keep(office, "wati", during)
        take_in(office)
        return answers(*given)

    for person in (FIRST, SECOND):
        write(office, "canary", by=person)
        write(office, "canary", by=person)
    advance(office, 35)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "answers", answer)
        _work(office)
    advance(office, 35)
    _work(office)
    first = "(SELECT min(conversation) FROM wamon.conversations)"
    office.query(f"UPDATE wamon.conversations SET last_out_at = now() WHERE conversation = {first}")
    advance(office, 600)
    operator_writes(office, "canary", by=FIRST)
    for person in (FIRST, SECOND):
        write(office, "canary", by=person)
    advance(office, 35)
    _work(office)
    with office.refusing("DR1752028"):
        write(office, "DR1752028", by=FIRST)
    office.query("DELETE FROM wamon.delivery_queue")
    write(office, "canary", by=FIRST)
    write(office, "canary", by=SECOND, at=HOST.now() - timedelta(hours=1))
    advance(office, 120)
    with connected(office.dsn) as db:
        config = configured(office.config_path, {})
        leader = ConversationWorker(
            0, config, frozenset(), HOST, lambda _: connected(office.dsn), Passes(lambda: None), Begun()
        )
        leader._begin(db, "wati", Stopping())
        leader._sweep(db)
