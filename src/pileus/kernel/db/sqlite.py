"""SQLite: readers on their own snapshots, one thread that owns all writing."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.engine import Connection

from pileus.kernel.db import schema
from pileus.kernel.db.backups import copy
from pileus.kernel.db.locks import take
from pileus.kernel.db.patterns import regexp
from pileus.kernel.db.refusals import told
from pileus.kernel.db.stamps import Stamps
from pileus.kernel.db.transactions import Tx
from pileus.kernel.db.writer import Writer
from pileus.kernel.types import Unavailable, clock

R = TypeVar("R")
ASIDE_THREADS = 4
OLDEST = (3, 35, 0)
"""RETURNING came with it."""
# Measured on 77 MB with 2 to 64 MB of cache, with and without 256 MB of mmap: 10 % apart either way. So no mmap: with it a
# read error of the disk is a SIGBUS instead of an exception.
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteStore:
    multi_process = False

    def __init__(self, url: URL, synchronous: str = "FULL", reserve: int = 0) -> None:
        if not url.database or url.database == ":memory:":
            raise ValueError("an embedded database needs a file: sqlite:////path/pileus.db")
        if sqlite3.sqlite_version_info < OLDEST:
            raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old; {'.'.join(map(str, OLDEST))} is needed.")
        if synchronous not in {"OFF", "NORMAL", "FULL", "EXTRA"}:
            raise ValueError(f"synchronous: {synchronous!r} is not one of OFF, NORMAL, FULL, EXTRA")
        self.path = Path(url.database)
        self.synchronous = synchronous
        self._reserve = reserve
        self.stamps = Stamps()
        self._engine = create_engine(
            url, creator=self._open, poolclass=NullPool, isolation_level="AUTOCOMMIT", query_cache_size=2000
        )
        self._readers: list[tuple[Connection, sqlite3.Connection]] = []
        self._writer: Writer | None = None
        self._aside: ThreadPoolExecutor | None = None
        self._lock = -1

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=5.0, cached_statements=1024
        )
        for pragma in PRAGMAS:
            connection.execute(pragma)
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        return connection

    async def start(self) -> None:
        self._lock = take(self.path)
        connection = None
        try:
            self.path.touch(0o600)  # it holds secrets; SQLite's other files get the same mode
            connection, driver = self._connect()
            schema.prepare(connection, driver)
        except Exception as error:
            if connection is not None:
                connection.close()
            self._unlock()
            refusal = told(error)
            raise refusal from error if refusal is not error else None
        self._writer = Writer(connection, driver, asyncio.get_running_loop(), self.stamps)
        self._aside = ThreadPoolExecutor(ASIDE_THREADS, thread_name_prefix="pileus-read")

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.to_thread(writer.stop)
        aside, self._aside = self._aside, None
        if aside is not None:
            await asyncio.to_thread(aside.shutdown)
        while self._readers:
            self._readers.pop()[0].close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _connect(self) -> tuple[Connection, sqlite3.Connection]:
        try:
            connection = self._engine.connect()
        except Exception as error:  # no more files, a disk that went away
            refusal = told(error)
            raise refusal from error if refusal is not error else None
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("regexp", 2, regexp, deterministic=True)
        return connection, driver

    async def read(self, call: Callable[[Tx], R]) -> R:
        return self._read(call, self.stamps)

    def read_now(self, call: Callable[[Tx], R]) -> R:
        return self._read(call, None)

    def _read(self, call: Callable[[Tx], R], stamps: Stamps | None) -> R:
        if self._aside is None:
            raise Unavailable("The database is closed.")
        try:
            reader = self._readers.pop()
        except IndexError:
            reader = self._connect()
            reader[1].execute("PRAGMA query_only = ON")
        connection, driver = reader
        try:
            driver.execute("BEGIN")
            return call(Tx(connection, driver, clock(), writes=False, stamps=stamps))
        finally:
            if driver.in_transaction:
                driver.execute("COMMIT")
            self._readers.append(reader)

    async def read_aside(self, call: Callable[[Tx], R]) -> R:
        if self._aside is None:
            raise Unavailable("The database is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._aside, self.read_now, call)

    async def write(self, call: Callable[[Tx], R]) -> R:
        if self._writer is None:
            raise Unavailable("The database is closed.")
        return await self._writer.submit(call)

    def roomy(self) -> bool:
        if not self._reserve:
            return True
        seen = os.statvfs(self.path.parent)
        return seen.f_bavail * seen.f_frsize > self._reserve

    async def backup(self, path: Path) -> None:
        """Copy page by page while others go on, then check the copy from end to end."""
        await asyncio.to_thread(self._backup, path)

    def _backup(self, path: Path) -> None:
        connection, driver = self._connect()
        try:
            copy(driver, path)
        finally:
            connection.close()
