"""Dynamic manifests: which segments they have just now, and what these are worth."""

import hashlib
from urllib.parse import unquote

from pileus.kernel.db import Tx
from pileus.services.objectstore.core.listings import Subdir, Wanted, of_container
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.objects import Permit
from pileus.services.objectstore.db import containers
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import ItemRow, Whole


def folder(whole: Whole) -> tuple[str, str]:
    """Container and prefix of a dynamic manifest's segments."""
    container, _, prefix = unquote(whole.object.kept.headers["x-object-manifest"]).partition("/")
    return container, prefix


def stands(tx: Tx, account: str, container: str) -> bool:
    """Whether there is the container of the segments."""
    return containers.find(tx, account, container) is not None


def page(
    tx: Tx, near: Neighbours, account: str, whole: Whole, permit: Permit, marker: str = "", limit: int = 10_000
) -> tuple[ContainerRow | None, list[ItemRow], bool]:
    """Segments of a dynamic manifest behind `marker`, and whether there are more. No container: no segments."""
    name, prefix = folder(whole)
    row = containers.find(tx, account, name)
    if row is None:
        return None, [], False
    permit(row)
    found = of_container(tx, row, Wanted(prefix=prefix, marker=marker, limit=limit))
    return row, [one for one in found.items if not isinstance(one, Subdir)], found.more


def measured(tx: Tx, near: Neighbours, account: str, whole: Whole, permit: Permit) -> tuple[int, str]:
    """What the segments of a dynamic manifest are worth just now: their bytes, and the MD5 of their ETags."""
    size, digest, marker, more = 0, hashlib.md5(usedforsecurity=False), "", True
    while more:
        _, items, more = page(tx, near, account, whole, permit, marker)
        for item in items:
            size += max(item.size, 0)
            digest.update(item.etag.encode())
            marker = item.name
    return size, digest.hexdigest()
