"""Named SQL: every file in sql/ holds queries under `-- name: …` headings; Python only names them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(room: str) -> dict[str, LiteralString]:
    """The queries of sql/<room>.sql by name."""
    text = (files("wamon.postgres") / "sql" / f"{room}.sql").read_text("utf-8")
    _, *parts = _HEADING.split(text)
    return {name: cast("LiteralString", sql.strip()) for name, sql in zip(parts[::2], parts[1::2], strict=True)}
