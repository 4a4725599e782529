"""Fixtures for everything that needs a database: `database` runs a test on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.kernel.db import Database


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the test's own."""
    return f"sqlite:///{tmp_path}/pileus.db"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A started database with every table that is imported by now."""
    db = Database(database_url, synchronous="OFF")
    await db.start()
    yield db
    await db.close()
