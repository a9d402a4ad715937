"""When chats were heard of: silences and newest messages as the ledger's own times tell them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support.clock import first_morning
from tests.support.environment import EXAMPLES
from wamon.health import ledger_facts
from wamon.health.gaps import _silent as quiet
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate, migrations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.postgres.connection import Database

NOON = first_morning().replace(hour=12)
HALF_AN_HOUR = timedelta(minutes=30)


def record(db: Database, chat: int, times: Sequence[datetime | None]) -> None:
    db.execute(
        "INSERT INTO wamon.ledger_rows (chat, content_hash, sent_at, rules, message_id, status, sender) "
        "SELECT %s, 0, sent_at, 1, gen_random_uuid()::text, 'ignored', 'x' "
        "FROM unnest(%s::timestamptz[]) AS k(sent_at)",
        [chat, times],
    )


def some_times(random: Random, now: datetime) -> list[datetime]:
    """Bursts and silences before and after this moment."""
    return [
        now + timedelta(seconds=round(random.choice((60, 7_200, 86_400)) * random.uniform(-20, 2))) for _ in range(40)
    ]


def silence_at(moment: datetime, times: Sequence[datetime], now: datetime) -> timedelta | None:
    before = max((time for time in times if time <= moment), default=None)
    after = min((time for time in times if moment < time <= now), default=None)
    return after - before if before and after else None


@pytest.mark.parametrize("seed", range(20 if EXAMPLES else 6))
@pytest.mark.both_servers
def test_each_silence_of_more_than_half_an_hour_is_known_to_the_microsecond(any_dsn: str, seed: int) -> None:
    random = Random(seed)
    times = some_times(random, NOON)
    moments = [NOON - timedelta(minutes=random.randrange(20_000)) for _ in range(50)]
    with connected(any_dsn) as db:
        migrate(db)
        for n in range(0, len(times), 7):  # late ones and early ones, in several batches
            record(db, 1, [*times[n : n + 7], None])
        record(db, 2, [NOON])
        newest = ledger_facts.newest(db, [1, 3], NOON)
        silences = {
            moment: ledger_facts.silences(db, [1, 3], [(1, moment)], NOON).get(1, [None])[0] for moment in moments
        }
        began = {(one.began_at, one.ended_at) for one in quiet(db, [1], NOON - timedelta(days=365), NOON, HALF_AN_HOUR)}
    past = sorted(time for time in times if time <= NOON)
    assert newest == ({1: past[-1]} if past else {})
    for moment, seconds in silences.items():
        silence = silence_at(moment, times, NOON)
        assert (seconds is None) == (silence is None)
        if silence is not None and seconds is not None and max(seconds, silence.total_seconds()) > 1_800:
            assert seconds == silence.total_seconds()
    expected = {(one, other) for one, other in pairwise(past) if other - one > HALF_AN_HOUR}
    assert {pair for pair in began if pair[1]} == expected


def test_what_was_recorded_before_counts_too(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older, connected(empty_dsn) as db:
        older.setattr("wamon.postgres.migrations.migrations", lambda: migrations()[:4])
        migrate(db)
        record(db, 1, [NOON, NOON - timedelta(days=1), None])
        record(db, 2, [NOON - timedelta(hours=1)])
        older.undo()
        migrate(db)
        assert ledger_facts.newest(db, [1, 2], NOON) == {1: NOON, 2: NOON - timedelta(hours=1)}
