"""What each role may that the administrator has made, on a server that wamon shares with others.

The schema's owner is no superuser and can't make roles, as the owner of a database on a hosted server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, Lharries
from tests.support.office import Office
from tests.support.truth import Field
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate, migrations

OWNER = "wamon_owner"
ROLES = ("wamon_app", "wamon_hooks", "wamon_reader", "wamon_operator")
OPEN_TO_ALL = """
    SELECT p.oid::regprocedure::text FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'wamon'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT c.oid::regclass::text FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'wamon'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT n.nspname FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE n.nspname = 'wamon' AND a.grantee = 0
"""
ON_ONE = pytest.mark.parametrize("empty_dsn", ["embedded 18"], indirect=True)
"""What no version of the server has otherwise."""


class Shared:
    """A database of a shared server; `dsn` is the administrator's."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def as_(self, role: str) -> str:
        """How this role connects. The embedded server lets nobody in but its superuser, who then becomes the role."""
        return make_conninfo(self.dsn, options=f"-c role={role}")

    def ask(self, sql: str, role: str | None = None) -> list[tuple[object, ...]]:
        with psycopg.connect(self.as_(role) if role else self.dsn, autocommit=True) as db:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def migrate(self, role: str = OWNER) -> list[str]:
        with connected(self.as_(role)) as db:
            return migrate(db)


@pytest.fixture
def shared(empty_dsn: str) -> Iterator[Shared]:
    """With the roles, and without the schema."""
    shared = Shared(empty_dsn)
    made = [OWNER, *ROLES]
    for role in made:
        shared.ask(f"CREATE ROLE {role} LOGIN")
    shared.ask(f"ALTER DATABASE {shared.ask('SELECT current_database()')[0][0]} OWNER TO {OWNER}")
    yield shared
    shared.ask(f"REASSIGN OWNED BY {OWNER} TO CURRENT_USER")
    for role in made:
        if shared.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            shared.ask(f"DROP OWNED BY {role}")
            shared.ask(f"DROP ROLE {role}")


@pytest.fixture
def office(tmp_path: Path, shared: Shared) -> Iterator[Office]:
    """The owner's."""
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001")
        yield Office(tmp_path / "office", shared.as_(OWNER), field.path)


def test_an_owner_who_is_no_superuser_dumps_and_restores(office: Office, tmp_path: Path) -> None:
    office.scan()
    before = office.everything()
    assert office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    restored = office.run("db", "restore", str(tmp_path / "backup"), "--force")
    assert restored.returncode == 0, restored.stderr
    assert office.everything() == before


@ON_ONE
def test_a_restore_leaves_the_roles_what_they_may_and_everybody_else_nothing(
    office: Office, shared: Shared, tmp_path: Path
) -> None:
    office.scan()
    rights = """
        SELECT array_agg((relname, relacl) ORDER BY relname)::text, (SELECT count(*) FROM pg_policy)
        FROM pg_class WHERE relnamespace = 'wamon'::regnamespace
    """
    before = shared.ask(rights)
    assert office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    assert office.run("db", "restore", str(tmp_path / "backup"), "--force").returncode == 0
    assert shared.ask(rights) == before
    assert shared.ask(OPEN_TO_ALL) == []


def test_nothing_is_open_to_everybody_after_any_step(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the one on that knows roles: a `wamon` that is killed between two leaves no function to be called."""
    known = migrations()
    for until in range(10, known[-1].version + 1):
        monkeypatch.setattr("wamon.postgres.migrations.migrations", lambda until=until: known[:until])
        shared.migrate()
        assert shared.ask(OPEN_TO_ALL) == [], known[until - 1].name


@ON_ONE
@pytest.mark.parametrize("role", ["wamon_app", "wamon_hooks"])
def test_a_role_that_does_not_own_the_schema_is_told_who_does(office: Office, shared: Shared, role: str) -> None:
    office.scan()
    office.set(database={"url": shared.as_(role)})
    done = office.run("db", "migrate")
    assert done.returncode == 69
    assert f"only {OWNER} may change the schema wamon" in done.stderr


@ON_ONE
def test_a_role_that_may_not_read_all_is_told_who_dumps(office: Office, shared: Shared) -> None:
    """Granted all by name, it still sees no row that no policy shows it, and half a backup is none."""
    office.scan()
    shared.ask("GRANT SELECT ON ALL TABLES IN SCHEMA wamon, public TO wamon_reader")
    office.set(database={"url": shared.as_("wamon_reader")})
    done = office.run("db", "dump", "backup")
    assert done.returncode == 69
    assert "Who owns the schema wamon may read all of it" in done.stderr
