"""Makes the tables be there."""

from typing import Any

from sqlalchemy.engine import Connection

from pileus.kernel.db.columns import metadata


def prepare(connection: Connection, driver: Any) -> None:
    driver.execute("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
    metadata.create_all(connection)
    driver.execute("COMMIT")
