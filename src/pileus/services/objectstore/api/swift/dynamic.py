"""Dynamic large objects: all that begins with a prefix, joined in the order of names."""

from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.finding import Found, permit
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.core import dynamic


async def shown(call: Call, found: Found, headers: dict[str, str]) -> Shown:
    """What its segments are worth just now."""
    row, judge = found.whole.object, permit(call)
    size, etag = await call.near.db.read_aside(dynamic.measured, call.near, found.path.account, found.whole, judge)
    headers["Etag"] = f'"{etag}"'
    return Shown(headers, row.content_type, etag, size, row.modified_at, found.open(call, judge), True)
