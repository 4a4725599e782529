"""One service on a port of its own: for tests, and as a program."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from cloud_runs import free_port
from pileus.kernel.rest import Door, Entry, Listeners, Service


@asynccontextmanager
async def served(service: Service, port: int = 0) -> AsyncIterator[int]:
    """The port; 0: any free one of this suite's own."""
    port = port or free_port()
    listeners = Listeners(Entry({0: Door(service.face)}), [("127.0.0.1", port)])
    listeners.bind()
    await listeners.start()
    try:
        yield port
    finally:
        await listeners.close()


def program(running: Callable[[Path, int], AbstractAsyncContextManager[Any]]) -> None:
    """`python … FOLDER PORT`: runs until it is ended; its URL is the first line."""

    async def run(folder: str, port: str) -> None:
        async with running(Path(folder), int(port)) as it:
            print(it.url, flush=True)
            await asyncio.Event().wait()

    asyncio.run(run(*sys.argv[1:]))
