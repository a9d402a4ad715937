"""One database a server for tests that only need it empty: making a new one costs more than most tests take."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate

_EMPTY = """
    SET session_replication_role = replica;
    DO $$
    DECLARE a record;
    BEGIN
        FOR a IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'wamon' AND tablename NOT IN ('migrations', 'instance')
        LOOP
            EXECUTE format('DELETE FROM wamon.%I', a.tablename);
        END LOOP;
        FOR a IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
                 AND nspname <> 'wamon'
        LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', a.nspname);
        END LOOP;
        CREATE SCHEMA public;
    END $$;
"""


@pytest.fixture(scope="session")
def _reused_18(_embedded_18: str) -> str:
    return _made(_embedded_18)


@pytest.fixture(scope="session")
def _reused_15(_debian_15: str) -> str:
    return _made(_debian_15)


def _made(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("CREATE DATABASE reused TEMPLATE migrated")
    return make_conninfo(server, dbname="reused")


def _emptied(dsn: str) -> Iterator[str]:
    """Also after a test that left nothing of the schema."""
    with connected(dsn) as db:
        migrate(db)
        db.execute(_EMPTY)
    yield dsn


@pytest.fixture
def reused_dsn(_reused_18: str) -> Iterator[str]:
    """An empty database with the schema on the embedded server; no test may leave triggers or settings in it."""
    yield from _emptied(_reused_18)


@pytest.fixture(params=["embedded 18", "Debian's 15"])
def any_reused_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """As `reused_dsn`, on each server that SQL must run on."""
    yield from _emptied(request.getfixturevalue("_reused_18" if request.param == "embedded 18" else "_reused_15"))
