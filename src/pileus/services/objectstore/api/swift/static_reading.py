"""Static large objects as readers get them: the segments joined, or the manifest in two forms."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.finding import Found, Opener, permit
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.api.swift.written import quoted
from pileus.services.objectstore.core import manifests
from pileus.services.objectstore.core.manifests import Segment
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.core.ranges import Span
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ObjectRow


async def shown(call: Call, found: Found, headers: dict[str, str], manifest: bool) -> Shown:
    """The segments joined; or, when the manifest is asked for, what it says."""
    row = found.whole.object
    headers["X-Static-Large-Object"] = "True"
    opener = found.open(call, _conflicting(permit(call)))
    if not manifest:
        headers |= {"Etag": quoted(row), "X-Manifest-Etag": row.inner_etag or row.etag}
        part = await _part(call, row, opener, headers) if call.query.has("part-number") else None
        return Shown(headers, row.content_type, row.etag, row.size, row.modified_at, opener, part=part)
    text = b"".join([chunk async for chunk in opener.text(0, row.weight)])
    media, etag = "application/json; charset=utf-8", row.inner_etag or row.etag
    if call.query.one("format") == "raw":
        text = json.dumps([_raw(one) for one in manifests.segments_of(text)], sort_keys=True).encode()
        media, etag = row.content_type, hashlib.md5(text, usedforsecurity=False).hexdigest()
    headers["Etag"] = etag

    async def body(first: int, end: int) -> AsyncIterator[bytes]:
        yield text[first:end]

    return Shown(headers, media, etag, len(text), row.modified_at, body)


async def _segments(row: ObjectRow, opener: Opener) -> list[Segment]:
    return manifests.segments_of(b"".join([chunk async for chunk in opener.text(0, row.weight)]))


async def _part(call: Call, row: ObjectRow, opener: Opener, headers: dict[str, str]) -> Span:
    """`?part-number=`, from 1. Raises 400, 416."""
    text = call.query.one("part-number") or ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not number:
        raise told(400, "Part number must be an integer greater than 0")
    if "range" in call.headers:
        raise told(400, "Range requests are not supported with part number queries")
    segments = await _segments(row, opener)
    headers["X-Parts-Count"] = str(len(segments))
    if number > len(segments):
        more = headers | {"Content-Range": f"bytes */{row.size}"}
        raise told(416, "The requested part number is not satisfiable", more)
    start = sum(one.size for one in segments[: number - 1])
    return Span(start, start + segments[number - 1].size)


def _conflicting(judge: Permit) -> Permit:
    """Segments that the reader may not read are as those that are not there: the manifest cannot be served."""

    def judged(row: ContainerRow) -> None:
        try:
            judge(row)
        except Answer:
            raise told(409) from None

    return judged


def _raw(one: Segment) -> dict[str, Any]:
    """As it would be put again."""
    if one.data:
        return {"data": one.data}
    found: dict[str, Any] = {"path": one.name, "etag": one.hash, "size_bytes": one.bytes}
    return found | ({"range": one.range} if one.range else {})
