"""PostgreSQL: many processes, SERIALIZABLE writes that are tried again, signals over LISTEN/NOTIFY."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.engine import Connection

from pileus.kernel.db import schema, signals
from pileus.kernel.db.refusals import Duplicate, told
from pileus.kernel.db.transactions import Tx
from pileus.kernel.db.writer import settle
from pileus.kernel.types import Unavailable, clock

R = TypeVar("R")
THREADS = 12
ATTEMPTS = 20
CHANNEL = "pileus"
CONNECT = {"application_name": "pileus", "connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10}
GATE = 0x50494C01
"""Advisory lock that all writes share, and that one takes for itself which lost a race several times: it cannot lose another."""
SEATS = 0x50494C02
"""Class of the advisory locks by which each connection has a number of its own."""
BEGIN_ALONE = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SET LOCAL enable_seqscan = off"
"""What a write reads in sequence it locks as a whole: a small table then makes all who write to it lose races that never were."""
BEGIN_WRITE = f"{BEGIN_ALONE}; SELECT pg_advisory_xact_lock_shared({GATE})"
BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CONFLICTS = {"40001", "40P01"}
ALONE_AFTER = 3
"""Tries beside others; the next has the database to itself."""
log = logging.getLogger(__name__)


class Session:
    """One connection, as SQLAlchemy and as psycopg see it."""

    __slots__ = ("connection", "driver", "pid", "seat")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
        self.pid = self.driver.info.backend_pid
        self.seat = 0

    def sit_down(self) -> None:
        """Take the first number that no living connection has."""
        free = "SELECT n FROM generate_series(0, 9999) n WHERE pg_try_advisory_lock(%s, n) LIMIT 1"
        found = self.driver.execute(free, (SEATS,)).fetchone()
        self.seat = found[0] if found is not None else 0

    def close(self) -> None:
        self.driver.close()
        self.connection.invalidate()
        self.connection.close()

    @property
    def usable(self) -> bool:
        return not self.driver.closed and self.driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


class Retry(Exception):
    """This attempt came to nothing, through no fault of the decision."""


class PostgresqlStore:
    multi_process = True
    stamps = None

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", query_cache_size=2000, connect_args=CONNECT
        )
        self._idle: list[Session] = []
        self._pids: set[int] = set()
        self._threads: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ears: Listener | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._until_done, self._prepare)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pileus-db")
        self._ears = Listener(self._connect, self._pids)
        self._ears.start()

    def _prepare(self, _: int) -> None:
        with self._session() as session:
            schema.prepare(session.connection, session.driver)

    async def close(self) -> None:
        ears, self._ears = self._ears, None
        if ears is not None:
            ears.stop()
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)
        self._drop_idle()

    def _connect(self) -> Session:
        try:
            return Session(self._engine.connect())
        except Exception as error:
            raise told(error) from error

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._seated()
        try:
            yield session
        finally:
            if session.usable:
                self._idle.append(session)
            else:
                self._drop(session)

    def _seated(self) -> Session:
        """Raises `Retry` when the new connection is lost at once."""
        session = self._connect()
        self._pids.add(session.pid)
        try:
            session.sit_down()
        except psycopg.Error as error:
            self._drop(session)
            raise Retry(str(error).strip()) from error
        return session

    def _drop(self, session: Session) -> None:
        self._pids.discard(session.pid)
        session.close()

    def _drop_idle(self) -> None:
        while self._idle:
            self._drop(self._idle.pop())

    async def _aside(self, run: Callable[[Callable[[Tx], R]], R], call: Callable[[Tx], R]) -> R:
        if self._threads is None:
            raise Unavailable("The database is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, call)

    async def read(self, call: Callable[[Tx], R]) -> R:
        return await self._aside(self._read, call)

    read_aside = read

    def read_now(self, call: Callable[[Tx], R]) -> R:
        if self._threads is None:
            raise Unavailable("The database is closed.")
        return self._read(call)

    async def write(self, call: Callable[[Tx], R]) -> R:
        return await self._aside(self._write, call)

    def roomy(self) -> bool:
        return True

    async def backup(self, path: Path) -> None:
        raise Unavailable("PostgreSQL is backed up with its own tool: pg_dump --format=custom.")

    def _read(self, call: Callable[[Tx], R]) -> R:
        return self._until_done(lambda _: self._looked(call))

    def _looked(self, call: Callable[[Tx], R]) -> R:
        with self._session() as session:
            return self._attempt(session, BEGIN_READ, call)[0]

    def _write(self, call: Callable[[Tx], R]) -> R:
        result, tx = self._until_done(lambda attempt: self._guarded(call, attempt))
        if tx.calls or tx.wakes:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(_delivered, tx)
        return result

    def _until_done(self, run: Callable[[int], R]) -> R:
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                return run(attempt)
            except Retry as retry:
                reason = str(retry)
                log.debug("attempt %d: %s", attempt, reason)
                time.sleep(random.uniform(0, min(0.001 * 2**attempt, 0.25)))  # noqa: S311
        raise Unavailable(f"The database is too busy or gone: {reason}.")

    def _guarded(self, call: Callable[[Tx], R], attempt: int) -> tuple[R, Tx]:
        """The first tries run beside others. A unique index that strikes there may mean a lost race: the next try sees the row."""
        with self._session() as session:
            if attempt < ALONE_AFTER:
                return self._attempt(session, BEGIN_WRITE, call, beside=True)
            try:  # before BEGIN: a snapshot must not be older than the turn
                session.driver.execute(f"SELECT pg_advisory_lock({GATE})")
            except psycopg.Error as error:
                raise Retry(str(error).strip()) from error
            try:
                return self._attempt(session, BEGIN_ALONE, call)
            finally:
                try:
                    session.driver.execute(f"SELECT pg_advisory_unlock({GATE})")
                except psycopg.Error:  # what was committed stays so; the lock ends with its connection
                    session.driver.close()

    def _attempt(self, session: Session, begin: str, call: Callable[[Tx], R], *, beside: bool = False) -> tuple[R, Tx]:
        """One try, in a transaction of its own. Raises `Retry` when another may succeed."""
        driver = session.driver
        tx = Tx(session.connection, driver, clock(), writes=begin != BEGIN_READ, seat=session.seat)
        committing = False
        try:
            driver.execute(begin)
            result = call(tx)
            tx.finish(result)
            for name in tx.wakes:
                driver.execute("SELECT pg_notify(%s, %s)", (CHANNEL, name))
            committing = tx.writes
            driver.execute("COMMIT")
        except Exception as error:
            self._rollback(session)
            if driver.closed:
                self._drop_idle()
            again = (driver.closed and not committing) or (beside and isinstance(tx.refused, Duplicate))
            raise _verdict(error, tx.refused or error, again=again) from error
        except BaseException:
            self._rollback(session)
            raise
        return result, tx

    @staticmethod
    def _rollback(session: Session) -> None:
        if not session.driver.closed:
            try:
                session.driver.execute("ROLLBACK")
            except psycopg.Error:
                session.driver.close()


def _verdict(error: Exception, cause: Exception, *, again: bool) -> Exception:
    """What to raise for `error`, of which `cause` is the first sign."""
    if again or getattr(cause, "sqlstate", None) in _CONFLICTS:
        return Retry(str(cause).strip())
    return told(error)


def _delivered(tx: Tx) -> None:
    settle(tx)
    signals.wake(tx.wakes)


class Listener:
    """Hears the signals of other processes, on the loop thread. Those of our own connections are delivered already."""

    def __init__(self, connect: Callable[[], Session], own: set[int]) -> None:
        self._connect = connect
        self._own = own
        self._session: Session | None = None
        self._fd = -1
        self._again: asyncio.Task[None] | None = None

    def start(self) -> None:
        session = self._connect()
        try:
            session.driver.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            session.close()
            raise told(error) from error
        self._session, self._fd = session, session.driver.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._hear)

    def stop(self) -> None:
        if self._again is not None:
            self._again.cancel()
        session, self._session = self._session, None
        if session is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            session.close()

    def _hear(self) -> None:
        assert self._session is not None
        wire = self._session.driver.pgconn
        try:
            wire.consume_input()
            heard = []
            while (notice := wire.notifies()) is not None:
                if notice.be_pid not in self._own:
                    heard.append(notice.extra.decode())
        except psycopg.Error as error:
            log.warning("the listening connection is lost: %s", error)
            self.stop()
            self._again = asyncio.get_running_loop().create_task(self._reconnect())
            return
        signals.wake(heard)

    async def _reconnect(self) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                self.start()
            except Exception as error:
                log.warning("the database cannot be reached: %s", told(error))
            else:
                signals.wake_all()  # whatever was missed
                return
