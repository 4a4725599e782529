"""Blocking calls off the event loop."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool of the store's own: a slow disk shall not hold up those who share asyncio's."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="blob")

    async def run(self, call: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """A cancelled caller still waits for the thread: no descriptor is closed under a call that uses it."""
        return await settled(self.start(call, *args, **kw))

    def start(self, call: Callable[P, T], *args: P.args, **kw: P.kwargs) -> asyncio.Future[T]:
        """Begin, to be awaited with `settled`."""
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kw))

    async def together(self, calls: Sequence[Callable[[], None]]) -> None:
        """Run them side by side; ends when all have ended, with the first error there was."""
        jobs = [self.start(call) for call in calls]
        await asyncio.wait(jobs)
        for job in jobs:
            job.result()

    def close(self) -> None:
        self._pool.shutdown(wait=False)


async def settled(job: asyncio.Future[T]) -> T:
    """The job's result; a cancellation is passed on only when the job has ended."""
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        while not job.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        if not job.cancelled():
            job.exception()
        raise
