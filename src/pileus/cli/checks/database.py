"""The database: sound, current, and no work stuck in it. Read only, also while the cloud runs."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.cli.checks.findings import Finding, Patient, ok, problem, warning

if TYPE_CHECKING:
    from sqlalchemy import Connection

STUCK = "SELECT id, name, key, step, reason, error FROM kernel_sagas WHERE state = 'stuck' ORDER BY seq LIMIT 20"
LATE = (
    "SELECT id, name, key, step, reason, error FROM kernel_sagas WHERE state IN ('waiting', 'running')"
    " AND deadline_at > 0 AND deadline_at < :now ORDER BY seq LIMIT 20"
)
BAD = (
    "SELECT f.place, f.blob, f.problem, f.objects FROM objectstore_findings f JOIN objectstore_bodies b ON b.id = f.body_id"
    " ORDER BY f.found_at LIMIT 20"
)
WAL_LIMIT = 256 << 20


def database(patient: Patient) -> list[Finding]:
    return _ask(patient, _sound)


def sagas(patient: Patient) -> list[Finding]:
    return _ask(patient, _open_sagas)


def objects(patient: Patient) -> list[Finding]:
    """What the scrubber of the object store found wrong and is so still."""
    return _ask(patient, _bad_bodies)


def _ask(patient: Patient, question: Callable[[Patient, Connection], list[Finding]]) -> list[Finding]:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    from pileus.cli.wiring import database_url

    if patient.settings is None:
        return []
    url = database_url(patient.settings, patient.state)
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if path is not None and not path.exists():
        return [] if patient.pid is None else [problem("database", f"{path} is gone", "pileus db restore BACKUP")]
    try:
        engine = create_engine("sqlite://", creator=lambda: read_only(path)) if path else create_engine(url)
        with engine.connect() as connection:
            found = question(patient, connection)
        engine.dispose()
        return found
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        return [problem("database", f"cannot be read: {reason}", "pileus db restore BACKUP, or see [cloud] database")]


def read_only(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _sound(patient: Patient, connection: Connection) -> list[Finding]:
    from sqlalchemy import text

    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT 1"))
        return [ok("database", f"{connection.dialect.name} answers")]
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if answer != "ok":
        return [problem("database", f"is damaged: {answer}", "pileus down; pileus db restore BACKUP")]
    file = patient.state.database_file
    wal = file.with_name(file.name + "-wal")
    if wal.exists() and wal.stat().st_size > WAL_LIMIT:
        said = f"the write-ahead log has {wal.stat().st_size >> 20} MiB: some reader never ends"
        return [warning("database", said, "look for programs that hold pileus.db open; pileus down, pileus up")]
    size = sum(path.stat().st_size for path in (file, wal) if path.exists())
    return [ok("database", f"sound, {size / 1e6:.1f} MB")]


def _open_sagas(_patient: Patient, connection: Connection) -> list[Finding]:
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("kernel_sagas"):
        return []
    findings = [
        problem(
            "sagas",
            f"{_named(row)} is stuck at {row.step!r}: {row.error or row.reason}",
            f"pileus explain saga {row.id}",
        )
        for row in connection.execute(text(STUCK))
    ]
    now = time.time_ns() // 1000
    findings += [
        problem(
            "sagas",
            f"{_named(row)} is past its deadline, at {row.step!r}, and goes on trying: {row.error or row.reason}",
            f"pileus explain saga {row.id}",
        )
        for row in connection.execute(text(LATE), {"now": now})
    ]
    return findings or [ok("sagas", "none stuck, none late")]


def _aside(blob: str) -> str:
    return "the policy's quarantine folder" if blob else "the table objectstore_quarantine"


def _bad_bodies(_patient: Patient, connection: Connection) -> list[Finding]:
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("objectstore_findings"):
        return []
    rows = connection.execute(text(BAD)).fetchall()
    findings = [
        problem(
            "objects",
            f"bytes of {', '.join(row.objects.splitlines()) or 'older versions'} are bad"
            f" ({f'{row.place}/{row.blob}' if row.blob else 'in the database'}): {row.problem}",
            f"upload them again from a copy, then delete; what is left of them is in {_aside(row.blob)}",
        )
        for row in rows
    ]
    return findings or [ok("objects", "no bad bytes found")]


def _named(row: object) -> str:
    return f"{getattr(row, 'name', '')} of {getattr(row, 'key', '')}"
