"""Bytes on their way out: from a row, a blob, parts, or the segments of a manifest. Nothing is ever loaded whole."""

import base64

from pileus.drivers.blob.protocol import BlobError, BlobMissing, lent
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Pieces, Unavailable, as_bytes
from pileus.services.objectstore.core import dynamic, manifests, segments
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.core.segments import Place
from pileus.services.objectstore.db import bodies
from pileus.services.objectstore.db.bodies import BodyRow, PieceRow
from pileus.services.objectstore.db.objects import DLO, PARTS, SLO, Whole

PIECES = 1000
"""Pieces looked up at once."""


async def content(
    near: Neighbours,
    account: str,
    whole: Whole,
    permit: Permit,
    first: int = 0,
    end: int | None = None,
    *,
    depth: int = 0,
) -> Pieces:
    """Bytes `first` to `end` (exclusive; None: to the end), as they come.

    `permit` judges the containers of segments. Raises `Conflict` of type `SegmentChanged`, `SegmentMissing` or `TooDeep`, and
    `Unavailable`; faces ask for the first bytes before they send a status.
    """
    kind = whole.object.kind
    if kind == DLO:
        source = _dynamic(near, account, whole, permit, first, end, depth)
    else:
        last = whole.object.size if end is None else min(end, whole.object.size)
        if last <= first:
            return
        if kind == SLO:
            source = _static(near, account, whole, permit, first, last, depth)
        elif kind == PARTS:
            source = _parts(near, whole.object.body_id, first, last)
        else:
            source = raw(near, whole, first, last)
    async for chunk in source:
        yield chunk


async def raw(near: Neighbours, whole: Whole, first: int = 0, end: int | None = None) -> Pieces:
    """The object's own bytes: of a manifest its text."""
    if whole.data is not None:
        yield whole.data[first:end]
    elif whole.object.weight:
        async for chunk in _blob(near, whole.place, whole.blob, first, end):
            yield chunk


async def _dynamic(
    near: Neighbours, account: str, whole: Whole, permit: Permit, first: int, end: int | None, depth: int
) -> Pieces:
    _check_depth(depth)
    at, marker, more = 0, "", True
    while more and (end is None or at < end):
        row, items, more = await near.db.read_aside(dynamic.page, near, account, whole, permit, marker)
        wanted: list[tuple[tuple[int, int], Place, int]] = []
        for item in items:
            size = max(item.size, 0)
            if at + size > first and (end is None or at < end) and row is not None:
                skip = max(0, first - at)
                stop = size if end is None else min(size, end - at)
                wanted.append(((skip, stop), (row.name, item.name), stop - skip))
            at += size
            marker = item.name
        async for (skip, stop), segment in segments.found(near, account, wanted, permit):
            assert segment is not None
            async for chunk in content(near, account, segment, permit, skip, stop, depth=depth + 1):
                yield chunk


async def _static(
    near: Neighbours, account: str, whole: Whole, permit: Permit, first: int, end: int, depth: int
) -> Pieces:
    _check_depth(depth)
    text = b"".join([chunk async for chunk in as_bytes(raw(near, whole))])
    listed = manifests.segments_of(text)
    pieces = (
        (piece, None if listed[piece.index].data else listed[piece.index].place, piece.length)
        for piece in manifests.plan(listed, first, end)
    )
    async for piece, segment in segments.found(near, account, pieces, permit):
        wanted = listed[piece.index]
        if segment is None:
            yield base64.b64decode(wanted.data)[piece.offset : piece.offset + piece.length]
            continue
        size, etag = segment.object.size, segment.object.etag
        if segment.object.kind == DLO:
            size, etag = await near.db.read_aside(dynamic.measured, near, account, segment, permit)
        if etag != wanted.hash or size != wanted.bytes:
            raise Conflict(f"Object segment {wanted.name} no longer valid", type="SegmentChanged")
        stop = piece.offset + piece.length
        async for chunk in content(near, account, segment, permit, piece.offset, stop, depth=depth + 1):
            yield chunk


async def _parts(near: Neighbours, whole_id: int, first: int, end: int) -> Pieces:
    at = first
    with near.departures.running(whole_id):
        while at < end:
            for piece, body in await near.db.read(_pieces, whole_id, at, end):
                skip, stop = at - piece.start, min(piece.size, end - piece.start)
                if body.data is not None:
                    yield body.data[skip:stop]
                else:
                    async for chunk in _blob(near, body.place, body.blob, skip, stop):
                        yield chunk
                at = piece.start + stop


def _pieces(tx: Tx, whole_id: int, first: int, end: int) -> list[tuple[PieceRow, BodyRow]]:
    """Pieces without a gap, the first of them with the byte `first`. Raises `Unavailable`."""
    rows = bodies.pieces_of(tx, whole_id, first, end, PIECES)
    found = bodies.some(tx, [row.part_id for row in rows])
    at = first
    for row in rows:
        if row.start > at or row.part_id not in found:
            break
        at = row.start + row.size
    else:
        if rows:
            return [(row, found[row.part_id]) for row in rows]
    raise Unavailable("The object's parts are no longer there.", type="BodyLost")


async def _blob(near: Neighbours, place: str, blob: str, first: int, end: int | None) -> Pieces:
    if not blob:  # it lay in the database, and was found to be bad
        raise Unavailable("The object's bytes are not there; they may be in quarantine.", type="BodyLost")
    store = near.stores.get(place)
    if store is None:
        raise Unavailable(f"The storage policy {place} is not configured.")
    stream = lent(store, blob, first, None if end is None else end - first)
    missing = 0 if end is None else end - first
    try:
        async for chunk in stream:
            missing -= len(chunk)
            yield chunk
        if missing > 0:
            raise BlobMissing(f"blob {blob} ends {missing} bytes early")
    except BlobMissing as error:
        raise Unavailable("The object's bytes are not there; they may be in quarantine.", type="BodyLost") from error
    except BlobError as error:
        raise Unavailable(f"The object store failed: {error}.") from error
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _check_depth(depth: int) -> None:
    if depth >= manifests.DEPTH:
        raise Conflict("Max recursion depth exceeded", type="TooDeep")
