"""Bytes on their way in: hashed in one pass, inline when short, else durable in a blob, then one decision makes them exist."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from pileus.drivers.blob.protocol import BlobError, BlobFull, BlobStore
from pileus.kernel.db import Tx
from pileus.kernel.types import OutOfSpace, TooLarge, Unavailable, digest, new_hex
from pileus.services.objectstore.core.aside import aside
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.db import bodies

R = TypeVar("R")
MD5 = "md5"


class Body(Struct, frozen=True, kw_only=True):
    """Bytes that came, and that no row names yet; or, with `body_id`, those of another object."""

    size: int
    hashes: dict[str, str]
    """Hex by name; `md5` always, but for the body of something in parts."""
    place: str = ""
    blob: str = ""
    data: bytes | None = None
    body_id: int = 0

    @property
    def md5(self) -> str:
        return self.hashes.get(MD5, "")


EMPTY = Body(size=0, hashes={MD5: "d41d8cd98f00b204e9800998ecf8427e"})


async def store(
    near: Neighbours,
    place: str,
    chunks: AsyncIterable[bytes],
    decide: Callable[[Tx, Body], R],
    *,
    hashes: Sequence[str] = (),
    most: int | None = None,
) -> R:
    """Take the bytes, then let `decide` name them in one write transaction; its result. All of it happens or nothing.

    `place` is the container's storage policy, `hashes` further ones than MD5, `most` the bytes allowed (the setting's
    when None). `decide` raises what speaks against it, and may be called again (PostgreSQL). A caller who is cancelled
    while the commit runs still gets what the commit made of it. Raises `TooLarge`, `OutOfSpace`, `Unavailable`.
    """
    chunks = _bounded(chunks, near.settings.largest if most is None else most)
    head, rest = await _head(chunks, near.settings.inline_bytes)
    if rest is None:
        body = Body(size=len(head), hashes=await hashed(head, hashes), data=head or None)
        return await settled(near.db.write(decide, body))
    blob, blobs = new_hex(), near.stores.get(place)
    if blobs is None:
        raise Unavailable(f"The storage policy {place} is not configured.")
    if place in near.away:
        raise Unavailable(
            f"The folder of the storage policy {place} has none of its objects: its disk may not be mounted."
        )
    with near.arrivals.running(blob):
        try:
            seen = await blobs.put(blob, _rejoined(head, rest), (MD5, *hashes))
        except BlobFull as error:
            raise OutOfSpace("There is no space left for objects.") from error
        except BlobError as error:
            raise Unavailable(f"The object store failed: {error}.") from error
        return await _named(near, blobs, decide, Body(size=seen.size, hashes=seen.hashes, place=place, blob=blob))


async def _named(near: Neighbours, blobs: BlobStore, decide: Callable[[Tx, Body], R], body: Body) -> R:
    """Let `decide` name the blob; one that nobody named is removed.

    But not when the database was lost in the very commit: that may still come to be, and its row would then name nothing.
    The sweep knows later.
    """
    decided = False

    def decision(tx: Tx) -> R:
        nonlocal decided
        decided = False
        made = decide(tx, body)
        decided = True
        return made

    try:
        return await settled(near.db.write(decision))
    except BaseException as error:
        unknown = decided and isinstance(error, Unavailable | asyncio.CancelledError)
        if not unknown and not await near.db.read(_is_named, body.blob):
            await settled(blobs.remove(body.blob))
        raise


async def settled(work: Awaitable[R]) -> R:
    """Wait for it to its end, also when the caller is cancelled meanwhile; then its outcome, or the cancellation."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    continue
        raise


async def hashed(data: bytes, names: Sequence[str]) -> dict[str, str]:
    """MD5 and those named, in hex."""
    return await aside(_hashed, data, names)


def _hashed(data: bytes, names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in dict.fromkeys((MD5, *names)):
        one = digest(name)
        one.update(data)
        found[name] = one.hexdigest()
    return found


def _is_named(tx: Tx, blob: str) -> bool:
    return bool(bodies.named(tx, [blob]))


async def _bounded(chunks: AsyncIterable[bytes], most: int) -> AsyncIterator[bytes]:
    left = most
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise TooLarge("Your request is too large.")
        yield chunk


async def _head(chunks: AsyncIterator[bytes], most: int) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The first bytes, and the rest when there is more than `most` in all."""
    head: list[bytes] = []
    size = 0
    async for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > most:
            return b"".join(head), chunks
    return b"".join(head), None


async def _rejoined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk
