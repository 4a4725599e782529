"""How often each table has changed: what was read is still true while the stamps of its tables stand."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, TextClause
from sqlalchemy.sql.visitors import iterate

UNKNOWN = "*"
"""Stands for all tables, where a statement does not tell which."""


class Stamps:
    """Counts by table (and by what `Tx.changes` names), of one process that owns all writes. Belongs to the loop thread: commits are told there."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._all = 0

    def bump(self, tables: Iterable[str]) -> None:
        """These tables have changed."""
        for table in tables:
            if table == UNKNOWN:
                self._all += 1
            self._counts[table] = self._counts.get(table, 0) + 1

    def of(self, tables: Iterable[str]) -> tuple[int, ...]:
        """The present stamps; compare two to know whether anything has changed in between."""
        counts = self._counts
        return (self._all, *[counts.get(table, 0) for table in tables])


def tables_of(statement: Any) -> frozenset[str]:
    """Names of all tables in a statement, in its subqueries too."""
    found: set[str] = set()
    for element in iterate(statement):
        if isinstance(element, Table):
            found.add(element.name)
    return frozenset(found | written_by(statement)) or frozenset({UNKNOWN})


def written_by(statement: Any) -> frozenset[str]:
    """The table that an INSERT, UPDATE or DELETE changes; everything for text, nothing for a SELECT."""
    if isinstance(statement, TextClause):
        return frozenset({UNKNOWN})
    target = getattr(statement, "table", None)
    return frozenset({target.name}) if isinstance(target, Table) else frozenset()
