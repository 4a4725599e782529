"""Rows and blobs kept in step: uploads that died are undone, and data that no image names are removed."""

import logging

from pileus.drivers.blob.protocol import BlobStore
from pileus.kernel.types import MINUTE, SECOND, clock
from pileus.services.image.core.data import rescue
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import images, locations, tasks

log = logging.getLogger("pileus.image")
HEARTBEAT = 30 * SECOND
SILENT = 4 * HEARTBEAT
"""Another process that said nothing for so long is dead."""


class Blobs:
    """Work without end. Its rhythm is also the heartbeat of this process's own uploads."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def rescue(self) -> None:
        """Images whose bringer died wait for their data again."""
        near = self._near
        for blob_id in await near.db.write(rescue, near, near.uploads.alive(), SILENT):
            log.warning("an upload had died; its data %s are removed", blob_id)
            await near.remove(blob_id)

    async def sweep(self) -> None:
        """Blobs first, rows second: a blob that was there before the rows were read had its row before it had bytes."""
        near = self._near
        await near.db.write(tasks.forget_expired)
        for name, store in near.stores.items():
            await self._sweep(name, store)

    async def _sweep(self, name: str, store: BlobStore) -> None:
        near = self._near
        seen = await store.observe()
        named = await near.db.read_aside(locations.blob_ids, name)
        old = clock() - near.settings.orphan_minutes * MINUTE
        garbage = {blob.id for blob in seen if blob.id not in named and blob.changed_at <= old}
        if garbage and not await near.db.read(images.any_there):
            log.error("%d blobs and not one image: is this the right database? Nothing is removed.", len(garbage))
            return
        for blob_id in sorted(garbage):
            log.info("removing data %s that no image names", blob_id)
            await store.remove(blob_id)
