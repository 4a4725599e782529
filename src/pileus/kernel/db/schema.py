"""Makes the tables be there: all at once in a fresh database, by revisions in an older one."""

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from pileus import migrations
from pileus.kernel.db.columns import metadata
from pileus.kernel.db.refusals import ForeignDatabase, NewerDatabase

_LOCK = 0x50494C02
"""Advisory lock: of several processes that start, one prepares."""


def prepare(connection: Connection, driver: Any) -> None:
    """Raises `NewerDatabase` or `ForeignDatabase` and changes nothing then."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        driver.execute("PRAGMA foreign_keys = OFF")  # else rebuilding a table empties those that refer to it
        driver.execute("BEGIN IMMEDIATE")
    else:
        driver.execute(f"SELECT pg_advisory_lock({_LOCK})")
        driver.execute("BEGIN")
    try:
        _bring(connection)
        if sqlite and (broken := driver.execute("PRAGMA foreign_key_check").fetchone()):
            raise RuntimeError(f"the upgrade would leave a row without its parent: {tuple(broken)}")
        driver.execute("COMMIT")
    except BaseException:
        driver.execute("ROLLBACK")
        raise
    finally:
        driver.execute("PRAGMA foreign_keys = ON" if sqlite else f"SELECT pg_advisory_unlock({_LOCK})")


def _bring(connection: Connection) -> None:
    present = set(inspect(connection).get_table_names())
    if "alembic_version" not in present:
        if present:
            raise ForeignDatabase(
                f"not a Pileus database: it has tables ({', '.join(sorted(present)[:3])}), but no version."
            )
        metadata.create_all(connection, checkfirst=False)
        migrations.stamp(connection)
        return
    known = migrations.revisions()
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if revision not in known:
        raise NewerDatabase(
            f"the database is at revision {revision}, this code knows up to {known[-1]}: "
            "newer code has upgraded it. Run that code, or restore an older backup."
        )
    if revision != known[-1]:
        migrations.upgrade(connection, metadata)
    elif migrations.is_growing():
        metadata.create_all(connection, tables=[t for t in metadata.sorted_tables if t.name not in present])
