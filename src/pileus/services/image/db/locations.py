"""Which stores have an image's data. The blob has the same id in all of them: the image's `blob_id`."""

from collections.abc import Sequence

from sqlalchemy import Column, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Flag, Query, Tx, metadata
from pileus.services.image.db.images import coming_blob_ids, images

locations = Table(
    "image_locations",
    metadata,
    Column("image_id", Text, primary_key=True),
    Column("store", Text, primary_key=True),
    Column("whole", Flag, nullable=False),
)
"""`whole` is False while a copy is under way."""

_OF = Query(
    select(locations.c.image_id, locations.c.store)
    .where(locations.c.image_id.in_(bindparam("ids", expanding=True)), locations.c.whole.is_(True))
    .order_by(locations.c.image_id, locations.c.store)
)
_COMING = Query(
    select(locations.c.store)
    .where(locations.c.image_id == bindparam("image_id"), locations.c.whole.is_(False))
    .order_by(locations.c.store),
    into=str,
)
_INSERT = Query(insert(locations))
_ARRIVED = Query(
    update(locations)
    .where(locations.c.image_id == bindparam("b_image"), locations.c.store == bindparam("b_store"))
    .values(whole=True)
)
_DELETE = Query(
    delete(locations).where(locations.c.image_id == bindparam("image_id"), locations.c.store == bindparam("store"))
)
_FORGET = Query(delete(locations).where(locations.c.image_id == bindparam("image_id")))
_USED = Query(
    select(func.coalesce(func.sum(images.c.size), 0))
    .select_from(images.outerjoin(locations, locations.c.image_id == images.c.id))
    .where(images.c.owner == bindparam("owner"))
)
_BLOBS = Query(
    select(images.c.blob_id)
    .join(locations, locations.c.image_id == images.c.id)
    .where(images.c.blob_id != "", locations.c.store == bindparam("store")),
    into=str,
)


def stores_of(tx: Tx, image_ids: Sequence[str]) -> dict[str, list[str]]:
    """By image; one that is nowhere is there with none."""
    found: dict[str, list[str]] = {image_id: [] for image_id in image_ids}
    if found:
        for image_id, store in tx.rows(_OF, ids=list(found)):
            found[image_id].append(store)
    return found


def coming(tx: Tx, image_id: str) -> list[str]:
    """Stores that a copy is under way to."""
    return tx.rows(_COMING, image_id=image_id)


def add(tx: Tx, image_id: str, store: str, *, whole: bool = True) -> None:
    tx.run(_INSERT, image_id=image_id, store=store, whole=whole)


def arrived(tx: Tx, image_id: str, store: str) -> None:
    tx.run(_ARRIVED, b_image=image_id, b_store=store)


def remove(tx: Tx, image_id: str, store: str) -> None:
    tx.run(_DELETE, image_id=image_id, store=store)


def forget(tx: Tx, image_id: str) -> None:
    tx.run(_FORGET, image_id=image_id)


def blob_ids(tx: Tx, store: str) -> set[str]:
    """Blobs that belong in that store, are on their way there, or may be (of images that have no location yet)."""
    return {*tx.rows(_BLOBS, store=store), *coming_blob_ids(tx)}


def bytes_used(tx: Tx, owner: str) -> int:
    """Every copy counts, and so do staged data."""
    found = tx.row(_USED, owner=owner)
    return int(found[0]) if found else 0
