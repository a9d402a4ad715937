"""One connection for one scan after the other: a new server process reads the catalogue first, which takes longer than
most scans of tests.

Between two it is as a pooler leaves it that lends out whole sessions, of which PostgreSQL has `DISCARD ALL`. Where
sessions are to begin otherwise by now, as a database's settings have changed, it is made anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from wamon.postgres.connection import Database, connect

_SETTINGS = "SELECT coalesce(array_agg(setconfig ORDER BY setdatabase, setrole)::text, '') FROM pg_db_role_setting"
_idle: dict[int, tuple[str, Database, str]] = {}
"""By process, since one that is forked has no right to its parent's; for which DSN, and under which settings."""


@contextmanager
def connected(dsn: str) -> Iterator[Database]:
    """As wamon.postgres.connection.connected."""
    db, settings = _taken(dsn)
    try:
        yield db
    finally:
        kept = dsn, db, settings
        if not _is_as_new(db) or _idle.setdefault(os.getpid(), kept) is not kept:  # of two that end at once, one is
            db.close()


def end() -> None:
    """Hold no database."""
    if idle := _idle.pop(os.getpid(), None):
        idle[1].close()


def _taken(dsn: str) -> tuple[Database, str]:
    if idle := _idle.pop(os.getpid(), None):
        of, db, settings = idle
        if of == dsn and _settings(db) == settings:
            return db, settings
        db.close()
    db = connect(dsn)
    return db, _settings(db)


def _settings(db: Database) -> str:
    try:
        return str(db.execute(_SETTINGS).fetchall()[0][0])
    except psycopg.Error:
        return "none: it is gone"


def _is_as_new(db: Database) -> bool:
    if db.closed or db.keeps_limits or db.info.transaction_status != TransactionStatus.IDLE:
        return False
    try:
        db.execute("DISCARD ALL")
    except psycopg.Error:
        return False
    return True
