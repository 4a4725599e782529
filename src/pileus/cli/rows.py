"""Rows of the kernel's tables for commands that explain: read only, also while the cloud runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.cli.state import State


def rows(
    state: State, table: str, where: str, values: Mapping[str, object], order: str = "", most: int = 1000
) -> list[dict[str, Any]]:
    """Rows as they stand. Empty when the table is not there. `table`, `where` and `order` are constants of the caller's."""
    from sqlalchemy import create_engine, inspect, text

    from pileus.cli.checks.database import read_only
    from pileus.cli.wiring import database_url, settings_of

    url = database_url(settings_of(state), state)
    path = url.removeprefix("sqlite:///")
    engine = create_engine("sqlite://", creator=lambda: read_only(path)) if path != url else create_engine(url)
    if path != url and not state.database_file.exists():
        return []
    with engine.connect() as connection:
        if not inspect(connection).has_table(table):
            return []
        ordered = f" ORDER BY {order}" if order else ""
        query = text(f"SELECT * FROM {table} WHERE {where}{ordered} LIMIT {int(most)}")  # noqa: S608  see above
        return [dict(row) for row in connection.execute(query, values).mappings()]
