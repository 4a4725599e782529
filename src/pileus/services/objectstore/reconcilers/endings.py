"""What ends by itself, and the blobs that nobody names any more."""

import logging
from collections.abc import Callable

from pileus.drivers.blob.protocol import BlobError, BlobSeen, BlobStore
from pileus.kernel.db import Tx
from pileus.kernel.types import MINUTE, clock
from pileus.services.objectstore.core import ending
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import accounts, bodies
from pileus.services.objectstore.db.bodies import GarbageRow

log = logging.getLogger("pileus.objectstore")
TICK = 20_000
"""Microseconds by which a file system's clock may be behind ours: it moves with the kernel's ticks."""


class Endings:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def expire(self) -> None:
        """Expired objects, uploads never completed, accounts deleted, old deletions."""
        for work in (ending.expire, ending.drop_old_uploads, ending.empty_accounts, ending.forget_deletions):
            await self._slices(work)

    async def clear(self) -> None:
        """Bodies that lost their last name: first the bytes, then the row that remembers them.

        What this process is still giving out piece by piece is kept, so that no other process takes it either.
        """
        near, last = self._near, 0
        while rows := await near.db.read(ending.ripe_garbage, near, last):
            last = rows[-1].id
            read = near.departures.alive()
            held = [row.id for row in rows if row.whole_id in read]
            if held:
                await near.db.write(bodies.keep_garbage, held)
            gone = [row.id for row in rows if row.id not in held and await self._clear(row)]
            await near.db.write(bodies.drop_garbage, gone)

    async def sweep(self) -> None:
        """Blobs without a row: what a process was taking in when it was killed."""
        for place, store in self._near.stores.items():
            try:
                await self._sweep(place, store)
            except BlobError as error:  # its disk; the other policies' are not to wait for it
                log.warning("the blobs of %s cannot be swept: %s", place, error)

    async def _sweep(self, place: str, store: BlobStore) -> None:
        near = self._near
        async for portion in store.portions():
            alive = near.arrivals.alive()
            old = clock() - near.settings.orphan_minutes * MINUTE
            seen = [
                blob
                for blob in portion
                if blob.id not in alive and (not near.db.multi_process or blob.changed_at <= old)
            ]
            await self._remove_unnamed(place, store, seen)

    async def _remove_unnamed(self, place: str, store: BlobStore, seen: list[BlobSeen]) -> None:
        """Read after `alive`: an arrival that had ended by then has its row."""
        near = self._near
        orphans = await near.db.read(ending.unnamed, [blob.id for blob in seen]) if seen else set()
        if orphans and not await near.db.read(bodies.any_there):
            since = await near.db.read(accounts.oldest)
            strange = {blob.id for blob in seen if since is None or blob.changed_at < since - TICK} & orphans
            if strange:
                log.error("blobs in %s are older than this database: is it the right one? They are not removed.", place)
            orphans -= strange
        for blob in sorted(orphans):
            log.info("removing blob %s of %s that no row names", blob, place)
            await self._removed(place, store, blob)

    async def _clear(self, row: GarbageRow) -> bool:
        """Whether `row` is to be dropped now."""
        near = self._near
        if row.whole_id:
            while await near.db.write(ending.let_pieces_go, near, row):
                pass
            return False
        return row.place not in near.stores or await self._removed(row.place, near.stores[row.place], row.blob)

    async def _removed(self, place: str, store: BlobStore, blob: str) -> bool:
        """One that the disk does not let go of now is no reason to keep the others."""
        try:
            await store.remove(blob)
        except BlobError as error:
            log.warning("blob %s of %s cannot be removed: %s", blob, place, error)
            return False
        return True

    async def _slices(self, work: Callable[[Tx, Neighbours], bool]) -> None:
        while await self._near.db.write(work, self._near):
            pass
