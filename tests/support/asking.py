"""One connection for all that tests ask of PostgreSQL themselves: to make one takes longer than most of the answers."""

from __future__ import annotations

import threading
from typing import Any, cast

import psycopg

_kept: dict[str, psycopg.Connection[Any]] = {}


def ask(dsn: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of an answer, outside any transaction. Whatever ended the connection meanwhile, it is made again."""
    if threading.current_thread() is not threading.main_thread():  # which would wait for each other
        with psycopg.connect(dsn, autocommit=True) as db:
            return _rows(db, sql, values)
    db = _connection(dsn)
    try:
        return _rows(db, sql, values)
    except psycopg.OperationalError:
        if not db.closed:
            raise
    return _rows(_connection(dsn), sql, values)


def end() -> None:
    """Hold no database."""
    while _kept:
        _kept.popitem()[1].close()


def _connection(dsn: str) -> psycopg.Connection[Any]:
    if dsn not in _kept or _kept[dsn].closed:
        end()
        _kept[dsn] = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)  # tables change under it
    return _kept[dsn]


def _rows(db: psycopg.Connection[Any], sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    cursor = db.execute(cast("Any", sql), values)
    return cursor.fetchall() if cursor.description else []
