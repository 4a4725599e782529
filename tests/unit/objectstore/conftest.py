"""An object store without a face: `shelf` runs a test on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from object_rows import broken, orphans
from pileus.drivers.blob.file import FileBlobs
from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.db import Database, Tx
from pileus.kernel.policy import Policy
from pileus.kernel.types import as_bytes, cloud
from pileus.services.objectstore import service
from pileus.services.objectstore.core import containers, intake, objects, reading
from pileus.services.objectstore.core.arrivals import Arrivals
from pileus.services.objectstore.core.containers import Change
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow
from pileus.services.objectstore.reconcilers.endings import Endings

ACCOUNT = "AUTH_p"


def anybody(row: ContainerRow) -> None:
    """Every caller may use every container."""


async def chunked(data: bytes, size: int = 7000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


class Shelf:
    """Short words for what tests do."""

    def __init__(self, db: Database, stores: dict[str, BlobStore], **settings: Any) -> None:
        chosen = ObjectSettings(
            **{"part_least": 0, "inline_bytes": 100, "grace_seconds": 0, "orphan_minutes": 0, **settings}
        )
        self.near = Neighbours(chosen, Policy(service.RULES), db, stores, None, Arrivals())  # type: ignore[arg-type]
        self.db, self.stores, self.ctx = db, stores, cloud()
        self.endings = Endings(self.near)

    def with_settings(self, **settings: Any) -> "Shelf":
        return Shelf(self.db, self.stores, **msgspec.structs.asdict(self.near.settings) | settings)

    async def room(self, name: str = "c", account: str = ACCOUNT, **change: Any) -> ContainerRow:
        row, _ = await self.db.write(containers.put, self.near, self.ctx, account, name, Change(**change))
        return row

    async def put(
        self, name: str, data: bytes = b"data", room: str = "c", account: str = ACCOUNT, **want: Any
    ) -> ObjectRow:
        def decide(tx: Tx, body: Body) -> ObjectRow:
            return objects.put(tx, self.near, self.ctx, account, room, name, Put(**want), body)

        return await intake.store(self.near, "standard", chunked(data), decide)

    async def get(
        self, name: str, first: int = 0, end: int | None = None, *, room: str = "c", version: int | None = None
    ) -> bytes:
        _, whole = await self.db.read(objects.fetch, self.near, ACCOUNT, room, name, anybody, version=version)
        stream = as_bytes(reading.content(self.near, ACCOUNT, whole, anybody, first, end))
        return b"".join([chunk async for chunk in stream])

    async def tidy(self) -> None:
        """Everything that never ends, once."""
        await self.endings.expire()
        await self.endings.clear()
        await self.endings.sweep()

    async def wrongs(self) -> list[str]:
        """What is wrong with rows and blobs, once everything is tidy."""
        await self.tidy()
        return [*await self.db.read_aside(broken), *await orphans(self.db, self.stores)]


@pytest.fixture
async def shelf(database: Database, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Checked at the end: no test may leave a wrong counter, a lost reference, an orphan."""
    stores: dict[str, BlobStore] = {name: FileBlobs(tmp_path / name) for name in ("standard", "gold")}
    for store in stores.values():
        await store.start()
    made = Shelf(database, stores)
    yield made
    wrongs = await made.wrongs()
    for store in stores.values():
        await store.close()
    assert wrongs == []
