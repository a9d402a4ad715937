"""Somebody else's server: what it, its database, a role or the environment sets changes nothing that wamon records."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.errors import ConfigError
from wamon.postgres import migrations
from wamon.postgres.connection import connected, transaction

OTHERS = {
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "client_encoding": "WIN1252",
    "bytea_output": "escape",
    "timezone": "Pacific/Kiritimati",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
    "jit": "on",
    "statement_timeout": "1s",
    "lock_timeout": "100ms",
    "idle_in_transaction_session_timeout": "1s",
    "transaction_timeout": "1h",
}
OURS = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "bytea_output": "hex",
    "timezone": "UTC",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "transaction_isolation": "read committed",
    "jit": "off",
    "statement_timeout": "30s",
    "lock_timeout": "25s",
    "idle_in_transaction_session_timeout": "1min",
    "transaction_timeout": "0",
}


@pytest.fixture
def others(own_dsn: str) -> str:
    """A database that somebody set up for other programs."""
    with psycopg.connect(own_dsn, autocommit=True) as db:
        for name, value in OTHERS.items():
            db.execute(f"ALTER DATABASE {conninfo_to_dict(own_dsn)['dbname']} SET {name} = '{value}'")
    return own_dsn


@pytest.mark.fault("F107")
def test_a_transaction_has_settings_of_its_own(others: str) -> None:
    with connected(others) as db, transaction(db):
        found = {name: db.execute("SELECT current_setting(%s)", [name]).fetchall()[0][0] for name in OURS}
    assert found == OURS


def test_what_a_database_sets_changes_nothing_that_is_recorded(tmp_path: Path, others: str) -> None:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1752028 café 完了")
        field.post(LAWLEY, "DR1752028 again")
        office = Office(tmp_path / "office", others, field.path)
        office.scan()
        office.scan()
        assert office.submissions() == field.truth.submissions()
    assert office.verify().clean
    with connected(others) as db, transaction(db):
        assert db.execute("SELECT text FROM wamon.texts ORDER BY text").fetchall() == [
            ("DR1752028 again",),
            ("DR1752028 café 完了",),
        ]


@pytest.mark.parametrize(("variable", "value"), [("PGCLIENTENCODING", "LATIN1"), ("PGDATESTYLE", "German")])
def test_a_setting_of_the_environment_changes_nothing_that_is_recorded(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1752028 café")
        office = Office(tmp_path / "office", dsn, field.path)
        office.scan()
    with connected(dsn) as db, transaction(db):
        assert db.execute("SELECT text FROM wamon.texts").fetchall() == [("DR1752028 café",)]


def test_a_database_that_cannot_hold_every_text_is_refused_before_anything_is_made(tmp_path: Path, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("DROP DATABASE IF EXISTS latin")
        db.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    latin = make_conninfo(dsn, dbname="latin")
    try:
        with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
            field.post(LAWLEY, "DR1752028")
            with pytest.raises(ConfigError, match="latin is encoded in LATIN1") as raised:
                Office(tmp_path / "office", latin, field.path).scan()
        assert "ENCODING 'UTF8'" in raised.value.hint
        with psycopg.connect(latin) as db:
            assert db.execute("SELECT to_regnamespace('wamon') IS NULL").fetchall() == [(True,)]
    finally:
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("DROP DATABASE latin WITH (FORCE)")


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 99)
    with connected(empty_dsn) as db:
        with pytest.raises(ConfigError, match="wamon needs 99 or newer"):
            migrations.migrate(db)
        assert db.execute("SELECT to_regnamespace('wamon') IS NULL").fetchall() == [(True,)]
