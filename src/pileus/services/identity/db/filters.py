"""Columns by the names that lists know them by."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, Table, func
from sqlalchemy.sql import ColumnElement

LOWER = "__lower"


def by_name(table: Table, *names: str) -> Mapping[str, ColumnElement[Any]]:
    """Columns by name, and in lower case under `<name>__lower` for comparisons without regard to case."""
    found: dict[str, ColumnElement[Any]] = {name: table.c[name] for name in names}
    found["name" + LOWER] = func.lower(table.c["name" if "name" in table.c else "id"], type_=String)
    return found
