"""What the command line asks for: run the cloud, take it away, repair it."""

import asyncio
import resource
from collections.abc import Callable, Mapping
from pathlib import Path

from pileus import agent
from pileus.app.cloud import Cloud, database, node_settings
from pileus.kernel.config import Settings

FILES = 65536
"""Open at once, where the machine's limits allow it."""


async def serve(settings: Settings, state: Path, ready: Callable[[Mapping[str, object]], None]) -> None:
    """Run the cloud until cancelled. `ready` is told the facts when every listener answers."""
    open_many_files()
    cloud = Cloud(settings, state)
    try:
        await cloud.start()
        ready(cloud.facts())
        await asyncio.Event().wait()
    finally:
        await cloud.close()


def open_many_files() -> None:
    """Each connection is a file, and each download another: the usual 1,024 are soon gone where the machine allows more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def purge(settings: Settings, state: Path) -> list[str]:
    """Take away every guest, device, namespace and process of this cloud. Returns what was found, in words."""
    cloud = Cloud(settings, state)
    cloud.build()
    return await agent.purge(node_settings(settings), cloud.wiring())


async def migrate(settings: Settings, state: Path) -> str:
    """Bring the database to this code's tables."""
    db = database(settings, state)
    await db.start()
    await db.close()
    return "the database is at this version's tables"


async def bootstrap(settings: Settings, state: Path) -> None:
    """Make sure that admin can log in again, from the machine itself; the cloud must be down."""
    cloud = Cloud(settings, state)
    cloud.build()
    await cloud.db.start()
    try:
        await cloud.services["identity"].start()
        await cloud.db.write(cloud.services["identity"].internal.bootstrap, cloud.catalog())
        await cloud.db.write(cloud.services["identity"].internal.recover)
    finally:
        await cloud.services["identity"].close()
        await cloud.db.close()
