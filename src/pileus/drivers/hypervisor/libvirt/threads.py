"""Blocking calls off the event loop."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool of this driver's own: a slow hypervisor shall not hold up those who share asyncio's."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, call: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """A cancelled caller still waits until the thread has ended: whoever holds a lock holds it for the thread too."""
        job = asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kw))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            while not job.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([job])
            if not job.cancelled():
                job.exception()
            raise

    def close(self) -> None:
        self._pool.shutdown(wait=False)
