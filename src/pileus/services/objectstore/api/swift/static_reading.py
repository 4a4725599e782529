"""Static large objects as readers get them: the segments joined, or the manifest in two forms."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from pileus.kernel.rest import Answer
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.finding import Found, permit
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.api.swift.written import quoted
from pileus.services.objectstore.core import manifests
from pileus.services.objectstore.core.manifests import Segment
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.containers import ContainerRow


async def shown(call: Call, found: Found, headers: dict[str, str], manifest: bool) -> Shown:
    """The segments joined; or, when the manifest is asked for, what it says."""
    row = found.whole.object
    headers["X-Static-Large-Object"] = "True"
    opener = found.open(call, _conflicting(permit(call)))
    if not manifest:
        headers |= {"Etag": quoted(row), "X-Manifest-Etag": row.inner_etag or row.etag}
        return Shown(headers, row.content_type, row.etag, row.size, row.modified_at, opener)
    segments = manifests.segments_of(b"".join([chunk async for chunk in opener.text(0, row.weight)]))
    if call.query.one("format") == "raw":
        text, media = json.dumps([_raw(one) for one in segments], sort_keys=True).encode(), row.content_type
        etag = hashlib.md5(text, usedforsecurity=False).hexdigest()
    else:
        text, media = json.dumps([_told(one) for one in segments]).encode(), "application/json; charset=utf-8"
        etag = row.inner_etag or row.etag
    headers["Etag"] = etag

    async def body(first: int, end: int) -> AsyncIterator[bytes]:
        yield text[first:end]

    return Shown(headers, media, etag, len(text), row.modified_at, body)


def _conflicting(judge: Permit) -> Permit:
    """Segments that the reader may not read are as those that are not there: the manifest cannot be served."""

    def judged(row: ContainerRow) -> None:
        try:
            judge(row)
        except Answer:
            raise told(409) from None

    return judged


def _told(one: Segment) -> dict[str, Any]:
    if one.data:
        return {"data": one.data}
    found: dict[str, Any] = {
        "name": one.name, "bytes": one.bytes, "hash": one.hash, "content_type": one.content_type,
        "last_modified": one.last_modified,
    }  # fmt: skip
    return found | ({"range": one.range} if one.range else {}) | ({"sub_slo": True} if one.sub_slo else {})


def _raw(one: Segment) -> dict[str, Any]:
    """As it would be put again."""
    if one.data:
        return {"data": one.data}
    found: dict[str, Any] = {"path": one.name, "etag": one.hash, "size_bytes": one.bytes}
    return found | ({"range": one.range} if one.range else {})
