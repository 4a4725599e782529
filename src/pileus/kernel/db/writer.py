"""The one writer of an SQLite file: many decisions, one commit."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from pileus.kernel.db import signals
from pileus.kernel.db.refusals import told
from pileus.kernel.db.stamps import Stamps
from pileus.kernel.db.transactions import Tx
from pileus.kernel.types import clock

R = TypeVar("R")
BATCH_CALLS = 256
BATCH_SECONDS = 0.010
log = logging.getLogger(__name__)


class Job:
    """One decision waiting to be written, then its outcome."""

    __slots__ = ("call", "error", "future", "result", "tx")

    def __init__(self, call: Callable[[Tx], Any], future: "asyncio.Future[Any]") -> None:
        self.call = call
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.tx: Tx | None = None


class Writer:
    """Owns the write connection from a thread of its own.

    A batch is what has queued up, for at most `BATCH_CALLS` calls or `BATCH_SECONDS`. Each call runs in its own
    savepoint, so that one that raises takes nothing of the others with it; then one COMMIT serves them all.
    """

    def __init__(
        self, connection: Connection, driver: sqlite3.Connection, loop: asyncio.AbstractEventLoop, stamps: Stamps
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._loop = loop
        self._stamps = stamps
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="pileus-writer", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[Tx], R]) -> "asyncio.Future[R]":
        future = self._loop.create_future()
        self._queue.put(Job(call, future))
        return future

    def stop(self) -> None:
        """Write what is queued, then end and close the connection."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            job = self._queue.get()
            done: list[Job] = []
            if job is None:
                stopping = True
            else:
                stopping = self._batch(job, done)
            if done:
                self._loop.call_soon_threadsafe(_deliver, done, self._stamps)
        self._connection.close()

    def _batch(self, job: Job, done: list[Job]) -> bool:
        """Run and commit one batch; the jobs go to `done`. True when the end of the queue came by."""
        end = perf_counter() + BATCH_SECONDS
        stopping = False
        try:
            self._driver.execute("BEGIN IMMEDIATE")
            while True:
                if not job.future.cancelled():
                    done.append(job)
                    self._run(job)
                if len(done) >= BATCH_CALLS or perf_counter() >= end:
                    break
                try:
                    following = self._queue.get_nowait()
                except Empty:
                    break
                if following is None:
                    stopping = True
                    break
                job = following
            self._driver.execute("COMMIT")
        except Exception as error:
            if not done:
                done.append(job)
            self._lose(done, error)
        return stopping

    def _run(self, job: Job) -> None:
        """Raises only when the whole transaction is lost."""
        driver = self._driver
        driver.execute("SAVEPOINT job")
        job.tx = Tx(self._connection, driver, clock(), writes=True)
        try:
            job.result = job.call(job.tx)
            job.tx.finish(job.result)
        except BaseException as error:
            job.error = error
            job.tx = None
            if not driver.in_transaction:
                raise
            driver.execute("ROLLBACK TO job")
        driver.execute("RELEASE job")

    def _lose(self, done: list[Job], error: Exception) -> None:
        """The commit failed: nobody's changes are kept, and everybody is told."""
        log.error("a commit of %d writes failed: %s", len(done), error)
        try:
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
        except sqlite3.Error as failure:
            log.error("rollback failed: %s", failure)
        refusal = told(error)
        for job in done:
            job.tx = None
            if job.error is None:
                job.error = refusal


def _deliver(done: list[Job], stamps: Stamps) -> None:
    """On the loop thread: caches first, then the writers, then whoever waits for a signal."""
    wakes: dict[str, None] = {}
    for job in done:
        if job.tx is not None:
            stamps.bump(job.tx.tables or ())
            settle(job.tx)
            wakes.update(dict.fromkeys(job.tx.wakes))
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
    signals.wake(wakes)


def settle(tx: Tx) -> None:
    """Make the calls that waited for the commit."""
    for call in tx.calls:
        try:
            call()
        except Exception:
            log.exception("a call after commit failed")
