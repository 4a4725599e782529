"""An object as readers get it."""

from pileus.services.objectstore.api.swift import dynamic, links, reading, static_reading
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.finding import Found, permit
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.db.objects import DATA, DLO, SLO, SYMLINK


async def shown(call: Call, found: Found) -> Shown:
    """An object as readers get it: the bytes of large ones joined, unless the manifest is asked for."""
    row = found.whole.object
    manifest = call.query.one("multipart-manifest") == "get"
    headers = reading.carried(row)
    if found.linked:
        headers["Content-Location"] = str(found.path)
    if row.kind == SYMLINK:
        headers |= links.headers(row, found.path.account)
    if row.kind == SLO:
        return await static_reading.shown(call, found, headers, manifest)
    opener = found.open(call, permit(call))
    if row.kind == DLO:
        if not manifest:
            return await dynamic.shown(call, found, headers)
        return Shown(headers, row.content_type, row.etag, row.weight, row.modified_at, opener.text)
    data = found.whole.data if row.kind == DATA else None
    return Shown(headers, row.content_type, row.etag, row.size, row.modified_at, opener, data=data)
