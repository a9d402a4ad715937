"""Rows that are copied into a review table are those that would be inserted, and where one is in the way, they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import Standing as ClockAt
from tests.support.clock import first_morning
from tests.support.environment import examples
from wamon.bridge.people import Aliases
from wamon.ledger.changes import Judged, Standing, kinds_of
from wamon.ledger.drafts import posts_of
from wamon.ledger.following import Conflict, Posted
from wamon.ledger.posts import Added, Post, Posts
from wamon.ledger.review import Review
from wamon.ledger.review_copies import ReviewCopies
from wamon.model import BEGINNING, Group, Message, Reading
from wamon.postgres.connection import Database, connected, transaction

NOW = first_morning()
Drop = tuple[str, str]
PROJECTS = {"1@g.us": "Lawley", "2@g.us": "Mohadin", "3@g.us": "Lawley"}
GROUPS = {
    jid: Group(n, jid, project, "main", True, "beginning", None, BEGINNING, True, 0, None, None)
    for n, (jid, project) in enumerate(PROJECTS.items(), 1)
}
NUMBERS = [f"DR175203{n}" for n in range(8)]
REFUSED = "DR1752037"
KEYED = "UNIQUE (drop_number, project)"
TABLES = {
    "wamon's own": None,
    "other types": "drop_number varchar(12), project varchar(20), user_name char(14), submitted_by varchar(5),"
    " whatsapp_message_date timestamp, review_date date, created_at text, updated_at varchar(10), resubmitted boolean,"
    f" incomplete text, completed varchar(5), comment varchar(80), CHECK (drop_number <> '{REFUSED}'), {KEYED}",
    "too narrow": f"drop_number text, project varchar(6), comment text, {KEYED}",
    "no key": "drop_number text, project text, user_name text, comment text",
    "a number's key": "drop_number text UNIQUE, project text, user_name text, comment text",
    "another key": f"drop_number text, project text, user_name text, comment text, {KEYED}, UNIQUE (user_name)",
    "a trigger": f"drop_number text, project text, {KEYED}",
}
COPIED_INTO = {"wamon's own", "other types", "too narrow"}
BESIDE = {
    "a trigger": "CREATE FUNCTION public.none() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN IF NEW.drop_number < 'DR1752034' THEN RETURN NULL; END IF; RETURN NEW; END $$;"
    " CREATE TRIGGER none BEFORE INSERT ON public.reviews FOR EACH ROW EXECUTE FUNCTION public.none()",
}

moments = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours)) | st.sampled_from(
    [None, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), NOW.replace(microsecond=123_456)]
)
messages = st.tuples(
    st.sampled_from(list(GROUPS)),
    st.sampled_from(["27820000001@s.whatsapp.net", "27820000002:5@s.whatsapp.net", "1@lid", "Zoë\\\t\n", ""]),
    moments,
    st.booleans(),
    st.sets(st.sampled_from(NUMBERS), min_size=1, max_size=2).map(sorted),
)
standings = st.builds(Standing, moments, st.booleans(), st.booleans())
drops = st.tuples(st.just("Lawley"), st.sampled_from(NUMBERS[:-1]))


def added_of(said: Sequence[tuple[Any, ...]], standing: dict[int, Standing]) -> Added:
    posted: list[Post] = []
    for rowid, (jid, sender, sent_at, from_me, numbers) in enumerate(said, 1):
        message = Message(rowid, jid, f"ID{len(said) - rowid}", sender, sent_at, "", "", from_me, 0)
        reading = Reading(message, tuple(numbers), None)
        posted += posts_of(reading, GROUPS[jid], NOW)
    posts, _ = Posts.of(posted)
    return Added(posts, kinds_of(posts.drops, standing), standing)


def outcome(
    db: Database, review: Review, submissions: Sequence[Judged], before: Sequence[Drop]
) -> tuple[list[Any], list[Any], list[Conflict]]:
    """The table's rows, what waits, and the conflicts, where people made rows of these drops before."""
    waiting = "SELECT what, project, drop_number, message_id, latest FROM wamon.review_waits ORDER BY 1, 2, 3, 4"
    with db.transaction(force_rollback=True):
        for row in before:
            db.execute("INSERT INTO public.reviews (project, drop_number) VALUES (%s, %s) ON CONFLICT DO NOTHING", row)
        conflicts = [*review.follow(db, Posted(submissions=submissions)), *review.effects.write_due(db)]
        rows = db.execute("SELECT to_jsonb(t) - 'id' FROM public.reviews AS t ORDER BY 1").fetchall()
        return rows, db.execute(waiting).fetchall(), sorted(set(conflicts))


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest, any_dsn: str) -> str:
    with psycopg.connect(any_dsn) as db:
        if columns := TABLES[request.param]:
            db.execute(f"CREATE TABLE public.reviews ({columns})")
        db.execute(BESIDE.get(request.param, ""))
    return str(request.param)


@pytest.mark.both_servers
def test_what_is_copied_is_what_would_be_inserted(any_dsn: str, table: str) -> None:
    review = Review("public.reviews", "bridge", Aliases("none", None), ZoneInfo("Africa/Johannesburg"), ClockAt(NOW))

    noted = mock.patch.object(ReviewCopies, "copy", autospec=True, side_effect=ReviewCopies.copy)
    with connected(any_dsn) as db, noted as copies:
        review.contact(db)

        @settings(max_examples=examples(80 if table in COPIED_INTO else 8), derandomize=True)
        @given(
            st.lists(messages, max_size=12),
            st.dictionaries(st.integers(0, 20), standings, max_size=4),
            st.lists(drops, max_size=2),
        )
        def are_equal(said: list[Any], standing: dict[int, Standing], before: list[Drop]) -> None:
            added = added_of(said, standing)
            with transaction(db):  # one moment, for rows that people make
                copied, inserted = (outcome(db, review, one, before) for one in (added, list(added)))
            assert copied == inserted

        are_equal()
    assert copies.called == (table in COPIED_INTO)
