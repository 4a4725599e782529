"""Stretches of names in byte order, and the statements that walk them along a table's key."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, bindparam, select

from pileus.kernel.db import Query, Tx

R = TypeVar("R")
HIGHEST = "\U0010ffff" * 300
"""Behind every name."""


class Span(Struct, frozen=True):
    """Names from `low` (itself only when `inclusive`) to `high` (exclusive; None: without end)."""

    low: str = ""
    high: str | None = None
    inclusive: bool = False
    descending: bool = False


class Ranges(Generic[R]):
    """One statement for each form of a span: the key's order is the listing's, nothing is sorted or counted."""

    def __init__(
        self, table: Table, owner: ColumnElement[bool], columns: Iterable[Any], into: Callable[..., R]
    ) -> None:
        name = table.c.name
        self._queries: dict[tuple[bool, bool, bool], Query[R]] = {}
        for inclusive in (True, False):
            for bounded in (True, False):
                for descending in (True, False):
                    low = name >= bindparam("low") if inclusive else name > bindparam("low")
                    high = [name < bindparam("high")] if bounded else []
                    statement = (
                        select(*columns)
                        .where(owner, low, *high)
                        .order_by(name.desc() if descending else name)
                        .limit(bindparam("b_limit"))
                    )
                    self._queries[inclusive, bounded, descending] = Query(statement, into=into)

    def rows(self, tx: Tx, owner: object, span: Span, limit: int) -> list[R]:
        bounds = {"low": span.low} if span.high is None else {"low": span.low, "high": span.high}
        query = self._queries[span.inclusive, span.high is not None, span.descending]
        return tx.rows(query, owner=owner, b_limit=limit, **bounds)


def ranges(table: Table, owner: ColumnElement[bool], columns: Iterable[Any], into: Callable[..., R]) -> Ranges[R]:
    """`owner` compares with `bindparam("owner")`; the table has a `name`."""
    return Ranges(table, owner, list(columns), into)


def after(prefix: str) -> str | None:
    """The first name, in byte order, behind all that begin with `prefix`; None when there is no such name."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None
