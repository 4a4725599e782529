"""What becomes of a current object when another takes its place, or none: a version, a piece of the archive, or nothing."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.objectstore.core import archives
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import TICK, Deleted, aged, destroy, now
from pileus.services.objectstore.db import counters, objects, versions
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import MARKER, ObjectRow


def retire(
    tx: Tx,
    near: Neighbours,
    container: ContainerRow,
    name: str,
    before: ObjectRow | None,
    stamp: Micros = 0,
    *,
    counts: bool = True,
) -> Micros:
    """Make room for a new current row: keep what is there as a version, archive it, or let its bytes go.

    The row of `before` itself stays for the caller to replace or remove; the bytes that went are taken off the counters
    (`counts`; else the caller does it, where nothing has versions).
    Returns the new row's stamp.
    """
    at = max(stamp or now(tx), before.modified_at + TICK if before is not None else 0)
    if container.versioning:
        newest = versions.latest(tx, container.id, name)
        at = max(at, newest.stamp + TICK if newest is not None else 0)
        if container.versioning == "suspended":
            _drop_null(tx, container, name)
        if before is not None and (container.versioning == "enabled" or before.versioned):
            versions.add(tx, aged(before))
            return at
    elif container.kept.archive and before is not None:
        archives.keep(tx, near, container, before)
    if before is not None:
        destroy(tx, before)
        if counts:
            counters.bump(tx, container.account, container.id, container.place, 0, -before.weight)
    return at


def _drop_null(tx: Tx, container: ContainerRow, name: str) -> None:
    """A name has one null version at most: the new one takes its place."""
    old = versions.find_null(tx, container.id, name)
    if old is not None:
        if old.kind != MARKER:
            destroy(tx, old)
        versions.remove(tx, old)
        counters.bump(tx, container.account, container.id, container.place, 0, -old.weight)


def promote(tx: Tx, container: ContainerRow, name: str) -> bool:
    """The newest version becomes the current object, unless it is a delete marker."""
    newest = versions.latest(tx, container.id, name)
    if newest is None or newest.kind == MARKER:
        return False
    versions.remove(tx, newest)
    objects.put(tx, newest)
    return True


def hide(tx: Tx, container: ContainerRow, current: ObjectRow) -> Deleted:
    """The current object becomes one of its older versions, with no delete marker above them."""
    versions.add(tx, aged(current))
    objects.remove(tx, container.id, current.name)
    counters.bump(tx, container.account, container.id, container.place, -1, 0)
    return Deleted(found=True)
