"""Bytes in and out: `/file`, `/stage` and `/import`."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from pileus.drivers.blob.protocol import BlobError, BlobFull, BlobMissing, BlobSeen, lent
from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Ctx, Gone, Invalid, Pieces, TooLarge, Unavailable, Unsupported, whole_number
from pileus.services.image.api.images import ONE
from pileus.services.image.api.ranges import wanted_range
from pileus.services.image.core import data, tasks
from pileus.services.image.core.data import HASHES, Intake
from pileus.services.image.core.inspection import Finding, Inspection
from pileus.services.image.core.neighbours import Neighbours

OCTETS = "application/octet-stream"
Begin = Callable[[Tx, Neighbours, Ctx, str, int | None, str], Intake]


class Data:
    """Operations on the data of one image. Nothing here holds more than a few buffers of it."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def operations(self) -> list[Operation]:
        operation = partial(Operation, resource="images")
        return [
            operation(method="PUT", path=f"{ONE}/file", handle=self._upload, raw=True, answers=204),
            operation(method="GET", path=f"{ONE}/file", handle=self._download, raw=True),
            operation(method="PUT", path=f"{ONE}/stage", handle=self._stage, raw=True, answers=204),
            operation(
                method="POST",
                path=f"{ONE}/import",
                handle=self._import,
                body={"type": "object"},
                answers=202,
                partly="glance-direct and copy-image alone; no web-download or glance-download",
            ),
        ]

    async def _upload(self, request: Request) -> Answer:
        store = request.headers.get("x-image-meta-store", self._near.store)
        if store not in self._near.stores:
            raise Invalid(f"Store for identifier {store} not found")
        await self._take(request, data.begin_upload, store)
        return Answer(204)

    async def _stage(self, request: Request) -> Answer:
        await self._take(request, data.begin_stage)
        return Answer(204)

    async def _take(self, request: Request, begin: Begin, store: str = "") -> None:
        """First decision, bytes, second decision; whatever goes wrong between them leaves a queued image."""
        near = self._near
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != OCTETS:
            raise Unsupported(f"Invalid content type {media}")
        intake = await near.db.write(
            begin, near, request.ctx, request.params["image_id"], _size(request.headers), store
        )
        with near.uploads.running(intake.blob_id):
            try:
                seen, finding = await self._fill(request, intake)
                await self._finish(request.ctx, intake, seen, finding)
            except BaseException as error:
                await near.db.write(data.give_up, intake)
                await near.remove(intake.blob_id, intake.store)
                if isinstance(error, BlobError):
                    raise _told(error) from error
                raise

    async def _fill(self, request: Request, intake: Intake) -> tuple[BlobSeen, Finding]:
        inspection = Inspection()
        chunks = _watched(request.stream(), intake.room, inspection)
        seen = await self._near.stores[intake.store].put(intake.blob_id, chunks, HASHES)
        declared = whole_number(request.headers.get("content-length", ""))
        if declared is not None and seen.size != declared:
            raise Invalid(f"Content-Length says {declared} bytes, {seen.size} came.")
        return seen, inspection.finding()

    async def _finish(self, ctx: Ctx, intake: Intake, seen: BlobSeen, finding: Finding) -> None:
        near = self._near
        if intake.state == "saving":
            await near.db.write(data.finish_upload, near, ctx, intake, seen, finding)
        else:
            await near.db.write(data.finish_stage, near, intake, seen, finding)

    async def _download(self, request: Request) -> Answer:
        near = self._near
        preferred = self._preferred(request)
        found = await near.db.read(data.fetch, near, request.ctx, request.params["image_id"], preferred)
        if not found.blob_id:
            return Answer(204)
        headers = {"Content-Type": OCTETS}
        offset, length, status = 0, found.size, 200
        span = wanted_range(request.headers, found.size)
        if span is not None:
            offset, length, status = span[0], span[1], 206
            headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{found.size}"
        if found.checksum:
            headers["Content-MD5"] = found.checksum
        headers["Content-Length"] = str(length)
        stream = lent(near.stores[found.store], found.blob_id, offset, length)
        return Answer(status, headers=headers, stream=await _begun(stream), media=OCTETS)

    def _preferred(self, request: Request) -> list[str]:
        """`?prefer=`: stores to read from, where the image is there. Raises `Invalid` for one that is not configured."""
        names = [name.strip() for name in (request.query.one("prefer") or "").split(",") if name.strip()]
        for name in names:
            if name not in self._near.stores:
                raise Invalid(f"Store '{name}' is not configured.")
        return names

    async def _import(self, request: Request) -> Answer:
        near, body = self._near, request.body
        _check_import(body)
        image_id, header = request.params["image_id"], request.headers.get("x-image-meta-store")
        garbage = await near.db.write(tasks.import_image, near, request.ctx, image_id, body, header)
        if garbage:
            await near.remove(garbage)
        return Answer(202, raw=b"", media="text/html; charset=UTF-8")  # clients read JSON where it says JSON


async def _watched(chunks: AsyncIterator[bytes], room: int, inspection: Inspection) -> AsyncIterator[bytes]:
    """The bytes as they come, inspected, and no more of them than there is room for."""
    left = room
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise TooLarge(f"The incoming image is too large: it may have {room} bytes at most.")
        inspection.see(chunk)
        yield chunk


async def _begun(stream: Pieces) -> Pieces:
    """A stream whose first bytes are read already: a missing blob is still told with a status."""
    try:
        first = await anext(stream, b"")
    except BlobMissing as error:
        raise Gone("The image's data are no longer there.") from error
    except BlobError as error:
        raise _told(error) from error

    async def whole() -> Pieces:
        try:
            if first:
                yield first
            async for chunk in stream:
                yield chunk
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    return whole()


def _size(headers: Mapping[str, str]) -> int | None:
    """How much is announced. Raises `Invalid`."""
    text = headers.get("x-openstack-image-size", headers.get("content-length"))
    if text is None:
        return None
    try:
        return max(0, int(text)) or None
    except ValueError:
        raise Invalid("Invalid or missing image size in request headers.") from None


def _check_import(body: Mapping[str, Any]) -> None:
    method = body.get("method")
    if method is None:
        raise Invalid("Import request requires a 'method' field.")
    if not isinstance(method, Mapping) or "name" not in method:
        raise Invalid("Import request requires a 'name' field.")
    if method["name"] not in tasks.METHODS:
        raise Invalid(f"Unknown import method name '{method['name']}'.")
    for name in ("all_stores_must_succeed", "all_stores"):
        if not isinstance(body.get(name, False), bool):
            raise Invalid(f"'{name}' must be boolean value only")


def _told(error: BlobError) -> TooLarge | Unavailable:
    if isinstance(error, BlobFull):
        return TooLarge(f"Image storage media is full: {error}")
    return Unavailable(f"The image store failed: {error}")
