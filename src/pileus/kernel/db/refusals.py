"""What the databases refuse, in one set of words for both."""

import errno
import re
import sqlite3
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import DBAPIError

from pileus.kernel.db.columns import metadata
from pileus.kernel.types import Conflict, Invalid, OutOfSpace, Unavailable

_UNIQUE = re.compile(r"UNIQUE constraint failed: (?:index '(?P<index>[^']+)'|(?P<columns>.+))")
_FULL = {sqlite3.SQLITE_FULL}
_SICK = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


class Duplicate(Conflict):
    """A unique index or primary key struck. `constraint` is its name in the metadata, the same on both databases."""

    def __init__(self, constraint: str, table: str = "") -> None:
        super().__init__(f"An entry that must be unique exists already ({constraint}).", details={"table": table})
        self.constraint = constraint
        self.table = table


class MarkerMissing(Invalid):
    """The marker of a list request names nothing in that list."""

    def __init__(self, marker: str) -> None:
        super().__init__(f"The marker [{marker}] could not be found.", details={"marker": marker})
        self.marker = marker


class NewerDatabase(Exception):
    """Newer code has been here; this code does not know its tables."""


class ForeignDatabase(Exception):
    """There are tables, and not ours."""


def told(error: Exception) -> Exception:
    """The refusal that a database error stands for; the error itself when it is a mistake of ours."""
    if isinstance(error, DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    if isinstance(error, sqlite3.Error):
        return _told_by_sqlite(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutOfSpace("There is no space left.")
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return Invalid(f"A value cannot be stored: {error}.")
    if error.__class__.__module__.startswith("psycopg"):
        return _told_by_postgresql(error)
    return error


def _told_by_sqlite(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _FULL:
        return OutOfSpace("The database has no space left.")
    if code in _SICK:
        return Unavailable(f"The database cannot be used now: {error}.")
    found = _UNIQUE.match(str(error))
    if found is None:
        return error
    if found["index"]:
        return Duplicate(found["index"])
    columns = [name.strip().rpartition(".") for name in found["columns"].split(",")]
    return Duplicate(_constraint(columns[0][0], {column for _, _, column in columns}), columns[0][0])


def _constraint(table_name: str, columns: set[str]) -> str:
    """SQLite names the columns only: find whose constraint that is."""
    table = metadata.tables.get(table_name)
    if table is None:
        return f"{table_name}({', '.join(sorted(columns))})"
    if columns == {column.name for column in table.primary_key.columns}:
        return str(table.primary_key.name or f"pk_{table_name}")
    unique: list[UniqueConstraint | Index] = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique += [index for index in table.indexes if index.unique]
    for constraint in unique:
        if columns == {column.name for column in constraint.columns}:
            return str(constraint.name)
    return f"{table_name}({', '.join(sorted(columns))})"


def _told_by_postgresql(error: Any) -> Exception:
    state: str = getattr(error, "sqlstate", None) or ""
    if state == "23505":
        return Duplicate(error.diag.constraint_name or "", error.diag.table_name or "")
    if state == "25006":
        return RuntimeError("a read cannot write")
    if state in {"53100", "53200"}:
        return OutOfSpace("The database has no space left.")
    if state[:2] in {"08", "53", "57", "58"} or (not state and error.__class__.__name__ == "OperationalError"):
        return Unavailable(f"The database cannot be used now: {error}.")
    if state[:2] == "22" or error.__class__.__name__ == "DataError":
        return Invalid(f"A value cannot be stored: {error}.")
    return error  # type: ignore[no-any-return]
