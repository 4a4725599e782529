"""Whether each policy's folder is the one that it was: a disk that is not mounted leaves an empty one in its place.

What was written there would be hidden by the disk when it comes back. So nothing is taken in meanwhile.
"""

import logging

from pileus.drivers.blob.protocol import BlobError, BlobMissing, BlobStore
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import findings

log = logging.getLogger("pileus.objectstore")
SAMPLE = 8


class Presence:
    def __init__(self, near: Neighbours) -> None:
        self._near = near

    async def look(self) -> None:
        """Sets `near.away`. Cheap where all is well: one byte of one body is read."""
        for place, store in self._near.stores.items():
            away = await self._is_away(place, store)
            if away and place not in self._near.away:
                log.error(
                    "the folder of policy %s has none of its bodies: is its disk mounted? Nothing is written there.",
                    place,
                )
            (self._near.away.add if away else self._near.away.discard)(place)

    async def _is_away(self, place: str, store: BlobStore) -> bool:
        """Bodies are expected, and there is no blob at all."""
        blobs = await self._near.db.read(findings.sound, place, SAMPLE)
        for blob in blobs:
            if await _is_there(store, blob):
                return False
        if not blobs:
            return False
        try:
            async for portion in store.portions():
                if any(seen.whole for seen in portion):
                    return False
        except BlobError:
            return False  # it says so itself, to each who asks
        return True


async def _is_there(store: BlobStore, blob: str) -> bool:
    try:
        async for _ in store.open(blob, 0, 1):
            pass
    except BlobMissing:
        return False
    except BlobError:
        return True
    return True
