"""Swift's older versioning: what is overwritten or deleted moves, as a plain object, into a container of the user's choice."""

import msgspec

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Micros, Stale
from pileus.services.objectstore.core.neighbours import Neighbours
from pileus.services.objectstore.core.stock import TICK, Deleted, destroy, now
from pileus.services.objectstore.db import bodies, containers, counters, objects
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DATA, ObjectRow
from pileus.services.objectstore.db.spans import Span, after

GONE = "application/x-deleted;swift_versions_deleted=1"
"""The content type of what history puts where something was deleted."""


def folder(name: str) -> str:
    """Where an object's older selves lie: three hex digits of its name's length, the name, a slash."""
    return f"{len(name.encode()):03x}{name}/"


def keep(tx: Tx, near: Neighbours, container: ContainerRow, row: ObjectRow) -> None:
    """Put another name to the bytes of `row` in the archive. Raises `Stale` when there is no such container."""
    archive = _archive(tx, container)
    if row.body_id:
        bodies.take(tx, row.body_id)
    _add(tx, archive, msgspec.structs.replace(row, name=folder(row.name) + _told(row.stamp)))


def before_delete(
    tx: Tx, near: Neighbours, ctx: Ctx, container: ContainerRow, current: ObjectRow | None, name: str
) -> Deleted | None:
    """What a delete does instead, in a container with an archive; None: it goes on as everywhere.

    History keeps the object and puts a marker behind it. The stack brings the last one back.
    """
    if container.kept.history:
        archive, at = _archive(tx, container), now(tx)
        if current is not None:
            keep(tx, near, container, current)
        _add(
            tx,
            archive,
            ObjectRow(archive.id, folder(name) + _told(at), at, False, DATA, 0, 0, EMPTY_MD5, "", GONE, 0, at, 0),
        )
        return None
    kept = containers.find(tx, container.account, container.kept.archive)
    return _popped(tx, container, kept, current, name) if kept is not None else None


def _popped(
    tx: Tx, container: ContainerRow, archive: ContainerRow, current: ObjectRow | None, name: str
) -> Deleted | None:
    """The newest of the archive takes the place of `current`. A marker of what was deleted (while the archive was a history)
    goes together with the absence that it stands for; None where it says what an ordinary delete brings about."""
    start = folder(name)
    newest = objects.between(tx, archive.id, Span(start, after(start), descending=True), 2)
    rows = [row for item in newest if (row := objects.find(tx, archive.id, item.name)) is not None]
    marked = bool(rows) and rows[0].content_type == GONE
    if not rows or (marked and current is not None):
        return None
    if not marked:
        return _brought_back(tx, container, archive, rows[0], current, name)
    if len(rows) > 1 and rows[1].content_type != GONE:
        _brought_back(tx, container, archive, rows[1], None, name)
    objects.remove(tx, archive.id, rows[0].name)
    counters.bump(tx, archive.account, archive.id, archive.place, -1, 0)
    return Deleted(found=True)


def _brought_back(
    tx: Tx, container: ContainerRow, archive: ContainerRow, last: ObjectRow, current: ObjectRow | None, name: str
) -> Deleted:
    if current is not None:
        destroy(tx, current)
    objects.remove(tx, archive.id, last.name)
    counters.bump(tx, archive.account, archive.id, archive.place, -1, -last.weight)
    at = max(now(tx), current.stamp + TICK if current is not None else 0)
    back = msgspec.structs.replace(last, container_id=container.id, name=name, stamp=at, modified_at=at)
    objects.put(tx, back)
    lost = current.weight if current is not None else 0
    counters.bump(tx, container.account, container.id, container.place, int(current is None), last.weight - lost)
    return Deleted(found=True, removed=current)


EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def _add(tx: Tx, archive: ContainerRow, row: ObjectRow) -> None:
    """Into the archive; what has that very name already is the same and is replaced."""
    old = objects.find(tx, archive.id, row.name)
    if old is not None:
        destroy(tx, old)
        counters.bump(tx, archive.account, archive.id, archive.place, 0, -old.weight)
    objects.put(tx, msgspec.structs.replace(row, container_id=archive.id, versioned=False, delete_at=0))
    counters.bump(tx, archive.account, archive.id, archive.place, int(old is None), row.weight)


def _archive(tx: Tx, container: ContainerRow) -> ContainerRow:
    found = containers.find(tx, container.account, container.kept.archive)
    if found is None:
        raise Stale("The container that keeps the versions does not exist.", type="NoSuchArchive")
    return found


def _told(stamp: Micros) -> str:
    return f"{stamp // 1_000_000:010d}.{stamp % 1_000_000 // 10:05d}"
