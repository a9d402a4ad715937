"""Lists of texts and numbers as values of a query: a batch has thousands of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.array import ListDumper

if TYPE_CHECKING:
    from psycopg.abc import Buffer


class Lists(ListDumper):
    """As the driver sends them, one by one looked at; numbers go at once, and texts without escapes."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = {*map(type, obj)}
        if kinds == {int}:
            return f"{{{','.join(map(str, obj))}}}".encode()
        if kinds != {str}:
            return super().dump(obj)
        together = '","'.join(obj)
        if together.count('"') != 2 * (len(obj) - 1) or "\\" in together or "\0" in together:
            return super().dump(obj)
        return f'{{"{together}"}}'.encode()
