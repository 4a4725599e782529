"""`pileus db`: the database's upgrade, backup and restore."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click

from pileus.cli.output import Failure, Output, speaks
from pileus.cli.state import State, state_option


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@state_option
@speaks
def upgrade(out: Output, state: State) -> None:
    """Bring the tables to this version (`pileus up` does it by itself). The cloud must be stopped."""
    from pileus.cli.wiring import app, settings_of

    state.create()
    if state.lock() is None:
        raise Failure(f"pileus runs on {state.path}", "pileus down; it upgrades by itself at the next pileus up")
    revision = asyncio.run(app().migrate(settings_of(state), state.path))
    out.say(f"the database is at revision {revision}")
    out.result({"revision": revision})


@db.command()
@state_option
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
@speaks
def backup(out: Output, state: State, path: Path | None) -> None:
    """Copy the database to PATH, also while the cloud runs. Else: backups/pileus-TIME.db in the state."""
    source = _database(state)
    if path is None:
        (state.path / "backups").mkdir(exist_ok=True, mode=0o750)
        path = state.path / "backups" / f"pileus-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    if path.exists():
        raise Failure(f"{path} exists already", "name a new file")
    draft = path.with_name(path.name + ".part")
    try:
        _copy(source, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    out.say(f"copied {path.stat().st_size} bytes to {path}")
    out.say("images, volumes and objects are files beside the database: copy them too")
    out.result({"path": str(path), "bytes": path.stat().st_size})


@db.command()
@state_option
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@speaks
def restore(out: Output, state: State, path: Path) -> None:
    """Put a backup in the database's place. The cloud must be stopped; the old one is kept beside it."""
    state.create()
    if state.lock() is None:
        raise Failure(f"pileus runs on {state.path}", "stop it first: pileus down")
    _check(path)
    kept = state.database_file.with_name(f"pileus-before-restore-{int(time.time())}.db")
    draft = state.database_file.with_name(".pileus-restored.db")
    try:
        _copy(path, draft)
        old = state.database_file.exists()
        if old:
            _copy(state.database_file, kept)
        os.replace(draft, state.database_file)
        for suffix in ("-wal", "-shm"):  # they belong to the old one, whose copy has what they held
            state.database_file.with_name(state.database_file.name + suffix).unlink(missing_ok=True)
    finally:
        draft.unlink(missing_ok=True)
    out.say(f"restored from {path}" + (f"; the one before is {kept}" if old else ""))
    out.result({"restored": str(path), "kept": str(kept) if old else None})


def _database(state: State) -> Path:
    from pileus.cli.wiring import database_url, settings_of

    url = database_url(settings_of(state), state)
    if not url.startswith("sqlite:///"):
        raise Failure("this cloud keeps its rows in PostgreSQL", "use pg_dump and pg_restore")
    path = Path(url.removeprefix("sqlite:///"))
    if not path.exists():
        raise Failure(f"there is no database at {path}", "it is made by the first pileus up")
    return path


def _copy(source: Path, target: Path) -> None:
    """A whole, consistent copy, durable when it returns."""
    target.unlink(missing_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with closing(_open(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new, pages=4096, sleep=0.01)
            new.execute("PRAGMA journal_mode=DELETE")
        os.fsync(handle)
    except sqlite3.Error as error:
        raise Failure(f"{source} could not be copied: {error}") from None
    finally:
        os.close(handle)


def _check(path: Path) -> None:
    def healthy(file: sqlite3.Connection) -> bool:
        names = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return "alembic_version" in names and file.execute("PRAGMA quick_check").fetchone()[0] == "ok"

    if not _ask(path, healthy):
        raise Failure(f"{path} is no sound database of Pileus: nothing was changed")


def _ask(path: Path, question: Callable[[sqlite3.Connection], bool]) -> bool:
    try:
        with closing(_open(path)) as file:
            return question(file)
    except sqlite3.Error:
        return False


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
