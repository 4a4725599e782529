"""Fresh databases, older ones, newer ones, foreign ones; and the commands that write revisions."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    inspect,
)

from pileus import migrations
from pileus.kernel.db import Database, Flag, Json, Time, schema
from pileus.kernel.db import metadata as the_metadata
from pileus.migrations.__main__ import all_tables, check, freeze, write


def tables(*, grown: bool = False) -> MetaData:
    meta = MetaData(naming_convention=the_metadata.naming_convention)
    more = [Column("color", String(20)), Index(None, "color")] if grown else []
    Table(
        "store_boxes",
        meta,
        Column("id", Integer, primary_key=True),
        Column("name", String(255), nullable=False, server_default=""),
        Column("tags", Json),
        Column("created_at", Time, nullable=False),
        Column("on", Flag),
        *more,
        UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    if grown:
        Table(
            "store_lids",
            meta,
            Column("id", String(36), primary_key=True),
            Column("box_id", Integer, ForeignKey("store_boxes.id", ondelete="CASCADE"), index=True),
        )
    return meta


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    path = tmp_path / "versions"
    path.mkdir()
    shutil.copy(migrations.VERSIONS / "0001_growing.py", path)
    return path


def test_the_history_ends_at_the_tables_of_the_code(database_url: str) -> None:
    metadata = all_tables()
    with connected(database_url) as connection:
        migrations.upgrade(connection, metadata)
        assert migrations.differences(connection, metadata) == []


def test_freeze_writes_what_create_all_makes(versions: Path, database_url: str) -> None:
    metadata = tables()
    assert freeze(metadata, versions) == versions / "0001_first_tables.py"
    assert migrations.revisions(versions) == ["0001"]
    assert not migrations.is_growing(versions)
    assert "pileus" not in (versions / "0001_first_tables.py").read_text(), "a revision stands on its own"
    with connected(database_url) as connection:
        migrations.upgrade(connection, metadata, versions)
        assert migrations.differences(connection, metadata) == []
        found = inspect(connection)
        assert found.get_pk_constraint("store_boxes")["constrained_columns"] == ["id"]
        assert [c["name"] for c in found.get_unique_constraints("store_boxes")] == ["uq_store_boxes_name"]
    with pytest.raises(SystemExit, match="written already"):
        freeze(metadata, versions)


def test_the_next_revision_keeps_the_rows(versions: Path, database_url: str) -> None:
    freeze(tables(), versions)
    with connected(database_url) as connection:
        migrations.upgrade(connection, tables(), versions)
        connection.exec_driver_sql("INSERT INTO store_boxes (name, created_at) VALUES ('a', 1)")
    grown = tables(grown=True)
    assert check(grown, versions) != []
    assert write(grown, versions, "Lids, and colors") == versions / "0002_lids_and_colors.py"
    assert write(grown, versions, "Nothing") is None
    assert check(grown, versions) == []
    with connected(database_url) as connection:
        migrations.upgrade(connection, grown, versions)
        assert migrations.differences(connection, grown) == []
        assert connection.exec_driver_sql("SELECT name, color FROM store_boxes").fetchall() == [("a", None)]


async def test_a_second_start_changes_nothing(database_url: str) -> None:
    for _ in range(2):
        db = Database(database_url)
        await db.start()
        await db.close()
    with connected(database_url) as connection:
        assert (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            == (migrations.revisions()[-1])
        )


async def test_an_older_database_is_upgraded_at_start(
    versions: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(metadata: MetaData) -> None:
        monkeypatch.setattr(schema, "metadata", metadata)
        db = Database(database_url)
        await db.start()
        await db.close()

    monkeypatch.setattr(migrations.revisions, "__defaults__", (versions,))
    monkeypatch.setattr(migrations.is_growing, "__defaults__", (versions,))
    monkeypatch.setattr(migrations.stamp, "__defaults__", (versions,))
    monkeypatch.setattr(migrations.upgrade, "__defaults__", (versions,))
    freeze(tables(), versions)
    await start(tables())
    write(tables(grown=True), versions, "More")
    await start(tables(grown=True))
    with connected(database_url) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0002"
        assert migrations.differences(connection, tables(grown=True)) == []


async def test_newer_and_foreign_databases_are_refused_and_left_alone(database_url: str) -> None:
    db = Database(database_url)
    await db.start()
    await db.close()
    with connected(database_url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(schema.NewerDatabase, match="9999"):
        await Database(database_url).start()
    with connected(database_url) as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(schema.ForeignDatabase):
        await Database(database_url).start()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"no database at all, but long enough to look" * 100)
    with pytest.raises(Exception, match="not a database"):
        await Database(f"sqlite:///{path}").start()
    with sqlite3.connect(tmp_path / "y.db") as other:
        other.execute("CREATE TABLE mine (x)")
    with pytest.raises(schema.ForeignDatabase, match="mine"):
        await Database(f"sqlite:///{tmp_path}/y.db").start()
