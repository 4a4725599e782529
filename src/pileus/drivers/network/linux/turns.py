"""One turn at a time for each object, and no turn is cut in the middle."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """A cancelled caller leaves; what it began is finished, so that specs and the world never part."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._running: set[asyncio.Task[object]] = set()

    async def take(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        task: asyncio.Task[T] = asyncio.create_task(self._locked(key, work))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def finished(self) -> None:
        """Wait for all turns that have begun."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _locked(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        async with self._lock(key):
            return await work()

    @contextlib.asynccontextmanager
    async def _lock(self, key: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1

    def _done(self, task: asyncio.Task[T]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()
