"""Dynamic large objects: all that begins with a prefix, joined in the order of names."""

from pileus.kernel.db import Tx
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call, Scene
from pileus.services.objectstore.api.swift.finding import Found, permit
from pileus.services.objectstore.api.swift.paths import Path
from pileus.services.objectstore.api.swift.reading import Shown
from pileus.services.objectstore.core import dynamic
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db.objects import Whole


async def shown(call: Call, found: Found, headers: dict[str, str]) -> Shown:
    """What its segments are worth just now."""
    row, judge = found.whole.object, permit(call)
    size, etag = await call.near.db.read_aside(_measured, call, found.path.account, found.whole, judge)
    headers["Etag"] = f'"{etag}"'
    return Shown(headers, row.content_type, etag, size, row.modified_at, found.open(call, judge), True)


def _measured(tx: Tx, call: Call, account: str, whole: Whole, judge: Permit) -> tuple[int, str]:
    """What the segments are worth. Raises 404 where their container is not there, to those who may know."""
    container, prefix = dynamic.folder(whole)
    if not dynamic.stands(tx, account, container):
        call.authorize("GET", Path(account, container, prefix), Scene())
        raise told(404)
    return dynamic.measured(tx, call.near, account, whole, judge)
