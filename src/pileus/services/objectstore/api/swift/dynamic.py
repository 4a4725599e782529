"""Dynamic large objects: all that begins with a prefix, joined in the order of names."""

import hashlib
from urllib.parse import quote

from pileus.kernel.db import Tx
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.finding import Found, permit
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.core import reading
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.objects import Whole


async def shown(call: Call, found: Found, headers: dict[str, str]) -> Shown:
    """What its segments are worth just now."""
    row, judge = found.whole.object, permit(call)
    size, etag = await call.near.db.read_aside(_measured, call, found.path.account, found.whole, judge)
    headers |= {"X-Object-Manifest": quote(row.kept.headers["x-object-manifest"]), "Etag": f'"{etag}"'}
    return Shown(headers, row.content_type, etag, size, row.modified_at, found.open(call, judge))


def _measured(tx: Tx, call: Call, account: str, whole: Whole, judge: Permit) -> tuple[int, str]:
    """Bytes of all segments, and the MD5 of their ETags."""
    size, digest, marker, more = 0, hashlib.md5(usedforsecurity=False), "", True
    while more:
        _, items, more = reading.dynamic_page(tx, call.near, account, whole, judge, marker)
        for item in items:
            size += max(item.size, 0)
            digest.update(item.etag.encode())
            marker = item.name
    return size, digest.hexdigest()
