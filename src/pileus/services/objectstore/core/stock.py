"""What objects, versions and archives are all made of: times, bytes that are named and let go."""

import msgspec
from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Micros
from pileus.services.objectstore.core import locks
from pileus.services.objectstore.core.intake import Body
from pileus.services.objectstore.db import bodies
from pileus.services.objectstore.db.objects import ObjectRow

TICK: Micros = 10
"""Times of objects are multiples of it: five digits behind the point, as Swift writes them."""
NULL: Micros = 0
"""Stands for the null version where a version is named."""


class Deleted(Struct, frozen=True, kw_only=True):
    found: bool
    """Whether there was an object by that name (or that version of it)."""
    marker: ObjectRow | None = None
    """The delete marker that was made."""
    removed: ObjectRow | None = None
    """What is gone for good."""


def expired(tx: Tx, row: ObjectRow) -> bool:
    """Whether its time is over: readers do not find it, a reconciler takes it away."""
    return 0 < row.delete_at <= tx.now


def aged(row: ObjectRow) -> ObjectRow:
    """A row as an older version: what expires is the name that led to it, not the version."""
    return msgspec.structs.replace(row, delete_at=0) if row.versioned else row


def now(tx: Tx) -> Micros:
    """The transaction's time as objects have it."""
    return -(-tx.now // TICK) * TICK


def named(tx: Tx, body: Body) -> int:
    """A row for the bytes, or one more name for those that have one; its id, 0 when there are none."""
    if body.body_id:
        bodies.take(tx, body.body_id)
        return body.body_id
    if not body.size:
        return 0
    return bodies.add(tx, size=body.size, md5=body.md5, data=body.data, place=body.place, blob=body.blob)


def destroy(tx: Tx, row: ObjectRow, *, bypass: bool = False) -> None:
    """One name less for its bytes. Raises `Forbidden` of type `Locked`."""
    locks.check(row, tx.now, bypass=bypass)
    if row.body_id:
        bodies.let_go(tx, row.body_id)
