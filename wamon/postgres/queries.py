"""Named SQL: a file beside its module holds queries under `-- name: …` headings; Python only names them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(package: str, file: str) -> dict[str, LiteralString]:
    """The queries of a package's <file>.sql by name."""
    text = (files(package) / f"{file}.sql").read_text("utf-8")
    _, *parts = _HEADING.split(text)
    return {name: cast("LiteralString", sql.strip()) for name, sql in zip(parts[::2], parts[1::2], strict=True)}
