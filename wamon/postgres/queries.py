"""Named SQL: a file beside its module holds queries under `-- name: …` headings; Python only names them.

`-- name: posts after selected` goes on from the query `selected`: several share one beginning.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Cursor

    from wamon.postgres.connection import Database

T = TypeVar("T")

_HEADING = re.compile(r"^-- name: (\w+)(?: after (\w+))?\n", re.MULTILINE)
_STREAMED_ROWS = 2_000


class Queries:
    """The queries of a package's <file>.sql. Raises what the driver raises: a `transaction` turns that into ours."""

    def __init__(self, package: str, file: str) -> None:
        self._sql = _named(package, file)

    def sql(self, name: str) -> LiteralString:
        """A query's text, for what is composed of it."""
        return self._sql[name]

    def run(self, db: Database, name: str, /, **values: object) -> Cursor[Any]:
        """Run a query; its values are named in it as `%(…)s`."""
        return db.execute(self._sql[name], values)

    def rows(self, db: Database, name: str, make: Callable[..., T], /, **values: object) -> list[T]:
        """What is made of each row's columns."""
        return [make(*row) for row in self.run(db, name, **values).fetchall()]

    def binary_rows(self, db: Database, name: str, make: Callable[..., T], /, **values: object) -> list[T]:
        """As `rows`, where they hold many bytes, times or ids: those come as they are, not spelled out."""
        with db.cursor(binary=True) as cursor:
            return [make(*row) for row in cursor.execute(self._sql[name], values).fetchall()]

    def value(self, db: Database, name: str, /, **values: object) -> Any:  # noqa: ANN401
        """The one value of the one row."""
        ((value,),) = self.run(db, name, **values)
        return value

    def stream(self, db: Database, name: str, make: Callable[..., T], /, **values: object) -> Iterator[T]:
        """As `rows`, a page at a time by a cursor of the server's: any number of rows takes little memory.

        Within one transaction, which lasts until the last row is taken.
        """
        with db.cursor(name) as page:
            page.itersize = _STREAMED_ROWS
            page.execute(self._sql[name], values)
            for row in page:
                yield make(*row)


@cache
def _named(package: str, file: str) -> dict[str, LiteralString]:
    """The queries of a file by name."""
    text = (files(package) / f"{file}.sql").read_text("utf-8")
    _, *parts = _HEADING.split(text)
    found: dict[str, LiteralString] = {}
    for name, beginning, sql in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        own = cast("LiteralString", sql.strip())
        found[name] = f"{found[beginning]}\n{own}" if beginning else own
    return found
