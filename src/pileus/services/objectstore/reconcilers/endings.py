"""What ends by itself, and the blobs that nobody names any more."""

import logging
from collections.abc import Callable

from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, clock
from pileus.services.objectstore.core import ending
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import bodies
from pileus.services.objectstore.db.bodies import GarbageRow

log = logging.getLogger("pileus.objectstore")


class Endings:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def expire(self) -> None:
        """Expired objects, uploads never completed, accounts deleted, old deletions."""
        for work in (ending.expire, ending.drop_old_uploads, ending.empty_accounts, ending.forget_deletions):
            await self._slices(work)

    async def clear(self) -> None:
        """Bodies that lost their last name: first the bytes, then the row that remembers them."""
        near = self._near
        while rows := await near.db.read(ending.ripe_garbage, near):
            for row in rows:
                await self._clear(row)
            await near.db.write(bodies.drop_garbage, [row.id for row in rows])

    async def sweep(self) -> None:
        """Blobs without a row: what a process was taking in when it was killed."""
        near = self._near
        for place, store in near.stores.items():
            async for portion in store.portions():
                alive = near.arrivals.alive()
                old = clock() - near.settings.orphan_minutes * MINUTE
                seen = [
                    blob.id
                    for blob in portion
                    if blob.id not in alive and (not near.db.multi_process or blob.changed_at <= old)
                ]
                await self._remove_unnamed(place, store, seen)

    async def _remove_unnamed(self, place: str, store: BlobStore, seen: list[str]) -> None:
        """Read after `alive`: an arrival that had ended by then has its row."""
        near = self._near
        orphans = await near.db.read(ending.unnamed, seen) if seen else set()
        if orphans and not await near.db.read(bodies.any_there):
            log.error("blobs in %s and not one body: is this the right database? Nothing is removed.", place)
            return
        for blob in sorted(orphans):
            log.info("removing blob %s of %s that no row names", blob, place)
            await store.remove(blob)

    async def _clear(self, row: GarbageRow) -> None:
        near = self._near
        if row.whole_id:
            while await near.db.write(ending.let_pieces_go, row):
                pass
        elif row.place in near.stores:
            await near.stores[row.place].remove(row.blob)

    async def _slices(self, work: Callable[[Tx, Neighbours], bool]) -> None:
        while await self._near.db.write(work, self._near):
            pass
