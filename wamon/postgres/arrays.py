"""Arrays of thousands as values of a query, made of the fields of binary COPY: nothing is spelled out, or parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from psycopg.adapt import Dumper
from psycopg.pq import Format

from wamon.postgres.copy import ARRAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.abc import AdaptContext


class Array(bytes):
    """One dimension of at least one element."""

    oid: ClassVar[int]
    element_oid: ClassVar[int]

    @classmethod
    def of(cls, fields: Sequence[bytes]) -> Self:
        """Of its elements as `wamon.postgres.copy` makes them, of the type that the class is named for, or NULL."""
        return cls(b"".join([ARRAY(1, 1, cls.element_oid, len(fields), 1), *fields]))


class Int4s(Array):
    oid, element_oid = 1007, 23


class Int8s(Array):
    oid, element_oid = 1016, 20


class Texts(Array):
    oid, element_oid = 1009, 25


class Arrays(Dumper):
    """Sends them as they are."""

    format = Format.BINARY

    def __init__(self, cls: type[Array], context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = cls.oid

    def dump(self, obj: Array) -> Array:
        return obj
