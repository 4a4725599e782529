"""Segments of manifests, looked up some at a time, the next ones while the last are being read."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TypeVar

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, NotFound
from pileus.services.objectstore.core import links
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.core.stock import expired
from pileus.services.objectstore.db import objects
from pileus.services.objectstore.db.objects import SYMLINK, Whole

MOST = 32
"""Segments of a look: they may bring 16 KiB each with them."""
AHEAD = 16 << 20
"""Bytes of a look's segments. What is looked up long before it is read may be gone by then."""
Place = tuple[str, str]
"""Container and object."""
Seen = Whole | Exception
"""Or why it cannot be read."""
T = TypeVar("T")
Batch = list[tuple[T, Place | None, int]]


async def found(
    near: Neighbours, account: str, wanted: Iterable[tuple[T, Place | None, int]], permit: Permit
) -> AsyncIterator[tuple[T, Whole | None]]:
    """`wanted`: something of the caller's, where its segment is (None: nowhere, it stays None), and how many bytes are to be read.

    Raises `Conflict` of type `SegmentMissing`, and what `permit` raises, when it is that segment's turn.
    """
    reading: asyncio.Future[list[Seen | None]] | None = None
    batches = _batches(wanted)
    batch = next(batches, None)
    try:
        while batch is not None:
            seen = await (reading or _look(near, account, batch, permit))
            following = next(batches, None)
            # Of long segments the next is looked up when its turn comes: it may be another one by then.
            long = sum(size for _, _, size in batch) > AHEAD
            reading = None if following is None or long else _look(near, account, following, permit)
            for (own, _, _), one in zip(batch, seen, strict=True):
                if isinstance(one, Exception):
                    raise one
                yield own, one
            batch = following
    finally:
        if reading is not None and not reading.cancel() and not reading.cancelled():
            reading.exception()  # nobody comes to hear of it


def _batches(wanted: Iterable[tuple[T, Place | None, int]]) -> Iterator[Batch[T]]:
    batch: Batch[T] = []
    size = 0
    for one in wanted:
        if batch and (len(batch) >= MOST or size + one[2] > AHEAD):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one[2]
    if batch:
        yield batch


def _look(near: Neighbours, account: str, batch: Batch[T], permit: Permit) -> "asyncio.Future[list[Seen | None]]":
    return asyncio.ensure_future(near.db.read(_some, near, account, [place for _, place, _ in batch], permit))


def _some(tx: Tx, near: Neighbours, account: str, places: Sequence[Place | None], permit: Permit) -> list[Seen | None]:
    by_room = {place[0]: dict[str, Seen]() for place in places if place is not None}
    for room, seen in by_room.items():
        _fill(tx, near, account, room, list({place[1] for place in places if place and place[0] == room}), seen, permit)
    return [by_room[place[0]][place[1]] if place is not None else None for place in places]


def _fill(
    tx: Tx, near: Neighbours, account: str, room: str, names: list[str], seen: dict[str, Seen], permit: Permit
) -> None:
    """What is in one container: one query for all."""
    row = near.rooms.container(tx, account, room)
    if row is None:
        seen.update({name: _missing(room, name) for name in names})
        return
    try:
        permit(row)
    except Exception as refusal:  # whatever the face says; told when it is that segment's turn
        seen.update(dict.fromkeys(names, refusal))
        return
    there = objects.wholes(tx, row.id, names)
    for name in names:
        whole = there.get(name)
        if whole is None or expired(tx, whole.object):
            seen[name] = _missing(room, name)
            continue
        try:
            seen[name] = (
                links.follow(tx, near, account, row, whole, permit)[1] if whole.object.kind == SYMLINK else whole
            )
        except NotFound:
            seen[name] = _missing(room, name)
        except Exception as refusal:
            seen[name] = refusal


def _missing(room: str, name: str) -> Conflict:
    return Conflict(f"While processing manifest, got 404 for /{room}/{name}", type="SegmentMissing")
