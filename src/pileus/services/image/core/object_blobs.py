"""A store of image data in the object store: `BlobStore` over the neighbour's contract.

It stands here and not among the drivers, which know no services. The account is no project's: nobody but the cloud
and resellers reaches it.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence

from pileus.contracts.objectstore import Objects
from pileus.drivers.blob.protocol import BlobError, BlobExists, BlobFull, BlobInfo, BlobMissing, BlobSeen
from pileus.kernel.types import Fault, NotFound, OutOfSpace, Stale

OWNER, CONTAINER, ASIDE = "images", "images", "quarantine"
PAGE = 100
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class ObjectBlobs:
    """`put` is atomic there as well: a row is what makes it exist, and the object store sweeps what has none."""

    def __init__(self, objects: Objects, owner: str = OWNER) -> None:
        self._objects = objects
        self._owner = owner

    async def start(self) -> None:
        """The object store starts before its users."""

    async def close(self) -> None:
        """And ends after them."""

    async def info(self) -> BlobInfo:
        free, total = await self._objects.space()
        return BlobInfo(driver="swift", free=free, total=total)

    async def put(self, blob_id: str, chunks: AsyncIterable[bytes], hashes: Sequence[str] = ()) -> BlobSeen:
        _check(blob_id)
        for container in (CONTAINER, ASIDE):
            if await self._objects.has(self._owner, container, blob_id):
                raise BlobExists(f"blob {blob_id} is there already")
        try:
            made = await self._objects.put(self._owner, CONTAINER, blob_id, chunks, hashes)
        except asyncio.CancelledError:  # it may be there all the same: its commit was under way
            cut = asyncio.ensure_future(self.remove(blob_id))
            while not cut.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(cut)
            raise
        except Stale as fault:
            raise BlobExists(f"blob {blob_id} is there already") from fault
        except OutOfSpace as fault:
            raise BlobFull(fault.message) from fault
        except Fault as fault:
            raise BlobError(fault.message) from fault
        return BlobSeen(id=blob_id, size=made.size, hashes=made.hashes, changed_at=made.changed_at)

    def open(self, blob_id: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        _check(blob_id)
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"no such range: offset {offset}, length {length}")
        return self._read(blob_id, offset, None if length is None else offset + length)

    async def remove(self, blob_id: str) -> None:
        _check(blob_id)
        for container in (CONTAINER, ASIDE):
            await self._objects.remove(self._owner, container, blob_id)

    async def observe(self) -> list[BlobSeen]:
        return [seen async for part in self.portions() for seen in part]

    async def portions(self) -> AsyncIterator[Sequence[BlobSeen]]:
        after = ""
        while found := await self._objects.page(self._owner, CONTAINER, after, PAGE):
            yield [BlobSeen(id=one.name, size=one.size, changed_at=one.changed_at) for one in found]
            after = found[-1].name

    async def quarantine(self, blob_id: str) -> None:
        _check(blob_id)
        await self._objects.rename(self._owner, CONTAINER, blob_id, ASIDE)

    async def _read(self, blob_id: str, first: int, end: int | None) -> AsyncIterator[bytes]:
        stream = self._objects.open(self._owner, CONTAINER, blob_id, first, end)
        try:
            async for chunk in stream:
                yield chunk
        except NotFound as fault:
            raise BlobMissing(f"no blob {blob_id}") from fault
        except Fault as fault:
            raise BlobError(fault.message) from fault
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()


def _check(blob_id: str) -> None:
    if not isinstance(blob_id, str) or _ID.match(blob_id) is None:
        raise ValueError(f"{blob_id!r} is no blob id: 1 to 64 of A-Z a-z 0-9 _ -")
