"""How long deliveries are kept: as long as somebody may need them, and no day longer."""

from __future__ import annotations

from datetime import timedelta

from wamon.postgres.connection import connected
from wamon.webhooks.retention import prune_events

PUT = """
    WITH kept AS (
        INSERT INTO wamon.deliveries (uid, hook, source, received_at, body, sha256)
        VALUES (gen_random_uuid(), 'gowa', 'gowa', now() - %s, %s, '')
        RETURNING event, body
    )
    INSERT INTO wamon.delivery_ends (event, state, ended_at, reason, keeps_body)
    SELECT event, %s, now() - %s, %s, body IS NOT NULL FROM kept
"""
SOON = timedelta(minutes=1)


def left(
    dsn: str, state: str, age: timedelta, *, body: bytes | None = b"said", reason: str | None = None
) -> list[bytes]:
    """What is left of a delivery that ended so long ago."""
    with connected(dsn) as db:
        db.execute("TRUNCATE wamon.deliveries, wamon.delivery_ends")
        db.execute(PUT, [age, body, state, age, reason])
        prune_events(db)
        return [row for (row,) in db.execute("SELECT coalesce(body, 'row') FROM wamon.webhook_events").fetchall()]


def test_a_body_is_forgotten_a_day_after_it_was_recorded_and_not_before(dsn: str) -> None:
    day = timedelta(days=1)
    assert left(dsn, "done", day - SOON) == [b"said"]
    assert left(dsn, "done", day + SOON) == [b"row"]


def test_what_could_not_be_recorded_or_read_is_kept_for_ninety_days(dsn: str) -> None:
    days = timedelta(days=90)
    for state, reason in (("dead", "refused"), ("done", "parts")):
        assert left(dsn, state, days - SOON, reason=reason) == [b"said"]
        assert left(dsn, state, days + SOON, reason=reason) == []  # nor its row, after thirty


def test_that_it_came_is_known_for_thirty_days(dsn: str) -> None:
    days = timedelta(days=30)
    assert left(dsn, "done", days - SOON, body=None) == [b"row"]
    assert left(dsn, "done", days + SOON, body=None) == []
