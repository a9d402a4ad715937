"""Lists and arrays as values of a query."""

from __future__ import annotations

from typing import Any

import pytest

from wamon.errors import Poison
from wamon.postgres.arrays import Int4s, Int8s, Texts
from wamon.postgres.connection import connected, transaction
from wamon.postgres.copy import NULL, int4, int8, text

LISTS: list[list[Any]] = [
    ["wamid.1", "DR1752028"],
    ["", "NULL", " a ", "a,b", "{a}", "two\nlines", "\u2003", "“quoted”", "\U0001f600"],
    ['"', "a"],
    ['","', "a"],
    ["\\", "a"],
    ["a", None],
    [["a", "b"], ["c", "d,"]],
    [],
]


def test_a_list_of_texts_arrives_as_it_was_sent(dsn: str) -> None:
    with connected(dsn) as db:
        arrived = [db.execute("SELECT %s::text[], %s::bigint[]", [one, [1, 2]]).fetchall() for one in LISTS]
    assert arrived == [[(one, [1, 2])] for one in LISTS]


def test_an_array_of_fields_arrives_as_it_was_sent(dsn: str) -> None:
    words, numbers = ["", "NULL", "a,b", '"', "\\", "two\nlines", "\U0001f600"], [0, -1, 2**31 - 1]
    fields = [*map(text, words), NULL]
    asked = (
        Texts.of(fields),
        Int4s.of([*map(int4, numbers)]),
        Int8s.of([*map(int8, [*numbers, -(2**63)])]),
        Texts.of([]),
    )
    with connected(dsn) as db:
        (arrived,) = db.execute("SELECT %s, %s, %s, %s", asked).fetchall()
    assert arrived == ([*words, None], numbers, [*numbers, -(2**63)], [])


def test_a_list_with_what_no_text_of_postgresqls_can_hold_is_poison(dsn: str) -> None:
    with connected(dsn) as db:
        for unstorable in ("a\0b", "\ud800"):
            with pytest.raises(Poison), transaction(db):
                db.execute("SELECT %s::text[]", [["a", unstorable]])
