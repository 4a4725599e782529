"""Copies of an SQLite database: made from the live one, checked, put back."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from pileus import migrations
from pileus.kernel.db.locks import owned
from pileus.kernel.db.refusals import told
from pileus.kernel.types import Invalid, Unavailable


def copy(live: sqlite3.Connection, path: Path) -> None:
    """Write a consistent copy to a new file, while others read and write. Raises `Invalid` when the file exists."""
    if path.exists():
        raise Invalid(f"{path} exists already; a backup overwrites nothing.")
    try:
        path.touch(0o600)
        with closing(sqlite3.connect(path)) as target:
            live.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
        verify(path)
        _sync(path)
    except (sqlite3.Error, OSError) as error:
        path.unlink(missing_ok=True)
        raise told(error) from error


def verify(path: Path) -> str:
    """Check a copy from end to end; its revision. Raises `Invalid` when it is damaged, not ours, or from newer code."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise Invalid(f"{path} is not a backup of Pileus: {error}.") from error
    if verdict != "ok":
        raise Invalid(f"{path} is damaged: {verdict}.")
    if revision not in migrations.revisions():
        raise Invalid(f"{path} is at revision {revision}, which this code does not know.")
    return str(revision)


def restore(source: str | Path, url: str) -> None:
    """Put a verified copy in the place of the database at `url`, whole or not at all; Pileus must be down.

    The copy stays. Raises `Invalid` as `verify` does, `Unavailable` for PostgreSQL and while a process has the database open.
    """
    target = make_url(url)
    if target.get_backend_name() != "sqlite" or not target.database:
        raise Unavailable("PostgreSQL is restored with its own tool: pg_restore.")
    verify(Path(source))
    path = Path(target.database)
    with owned(path):
        fresh = path.with_name(f"{path.name}.restoring")
        try:
            fresh.touch(0o600)
            shutil.copyfile(source, fresh)
            _sync(fresh)
            _settle(path)
            for side in ("-wal", "-shm"):  # they belong to the old file and would be read into the new one
                path.with_name(path.name + side).unlink(missing_ok=True)
            fresh.replace(path)
            _sync(path.parent)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise told(error) from error


def _settle(path: Path) -> None:
    """Bring the old file's last commits home, as far as it can still be read: nothing is lost before the swap."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return  # it is damaged: that may be why it is replaced


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
