"""What compute and volume may ask: `pileus.contracts.image.Image`."""

from collections.abc import AsyncIterator

from pileus.contracts.image import ImageInfo
from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx
from pileus.services.image.core import data, images
from pileus.services.image.core.neighbours import Neighbours


class Internal:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def find(self, tx: Tx, ctx: Ctx, image_id: str) -> ImageInfo:
        """Raises `NotFound` when it is not there or not visible to the caller."""
        image = images.find(tx, self._near, ctx, image_id)
        row = image.row
        return ImageInfo(
            id=row.id,
            name=row.name or "",
            status=row.status,
            visibility=row.visibility,
            owner=row.owner or "",
            disk_format=row.disk_format or "",
            container_format=row.container_format or "",
            size=row.size or 0,
            virtual_size=row.virtual_size or 0,
            min_disk=row.min_disk,
            min_ram=row.min_ram,
            hash_algo=row.os_hash_algo or "",
            hash_value=row.os_hash_value or "",
            properties=image.properties,
            tags=tuple(image.tags),
        )

    async def data(self, image_id: str) -> AsyncIterator[bytes]:
        """The bytes of an active image; no caller is checked: `find` came before. Raises `NotFound`."""
        found = await self._near.db.read(data.source_of, self._near, image_id)
        async for chunk in self._near.stores[found.store].open(found.blob_id):
            yield chunk
