import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import uvloop

from cloud_runs import free_port
from pileus.kernel.db import Database
from pileus.kernel.rest import Door, Entry, EntrySettings, Listeners
from unit.kernel.rest import widgets


@pytest_asyncio.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    db = Database(f"sqlite:///{tmp_path}/toy.db", synchronous="OFF")
    await db.start()
    toy = widgets.face(db)
    port = free_port()
    entry = Entry({port: Door(root=toy, mounts={"toys": toy})}, EntrySettings(origins=("https://gui.example",)))
    listeners = Listeners(entry, [("127.0.0.1", port)])
    listeners.bind()
    await listeners.start()
    yield port
    await listeners.close()
    await db.close()


@pytest_asyncio.fixture
async def anna(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"X-Auth-Token": "anna"}) as client:
        yield client


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Clouds run on uvloop, whose transports write at other times: what goes out in pieces is tried on both."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_streams.py":
        loops["uvloop"] = uvloop.new_event_loop
    return loops
