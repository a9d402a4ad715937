"""Each query beside a module is understood by each server: its syntax, and all that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.pq import ExecStatus

import wamon
from wamon.postgres.queries import _named

PACKAGE = Path(wamon.__file__).parent
NOT_ALONE = {
    "begins others": {"published.mine", "posts.once", "posts.selected", "conversations.shown", "watched.every"},
    "follows no beginning of its own": {"watched.columns"},
    "has a table's name put in": {
        "rejections.told",
        "rejections.lock_free",
        "rejections.take_back",
        "rejections.rename",
        "review_rows.rename",
    },
    "is several": {"backup.clear"},
    "is typed by its values": {"rates.days", "rates.days_until_today", "watched.days"},
}
"""What can't be prepared as it stands. The tests of its module run it."""


def queries() -> Iterator[tuple[str, str]]:
    """All but those of COPY, which no server prepares."""
    for path in sorted(PACKAGE.rglob("*.sql")):
        package = ".".join(("wamon", *path.relative_to(PACKAGE).parts[:-1]))
        if package != "wamon.postgres.migrations":
            for name, sql in _named(package, path.stem).items():
                if not sql.startswith("COPY"):
                    yield f"{path.stem}.{name}", sql


def numbered(sql: str) -> bytes:
    """With values as the server has them: $1 for the first name."""
    names: dict[str, int] = {}
    sql = re.sub(r"%\((\w+)\)[sb]", lambda name: f"${names.setdefault(name[1], len(names) + 1)}", sql)
    return sql.replace("%%", "%").encode()


def test_each_query_is_understood(any_dsn: str) -> None:
    with psycopg.connect(any_dsn) as db:
        refused = {}
        for name, sql in queries():
            answer = db.pgconn.prepare(b"", numbered(sql))
            if answer.status != ExecStatus.COMMAND_OK:
                refused[name] = answer.error_message.decode()
                db.rollback()
    assert refused.keys() == set().union(*NOT_ALONE.values()), refused
