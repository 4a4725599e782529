"""Images: one row each, gone when the image is deleted (the change log remembers)."""

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, delete, func, insert, select, update

from pileus.kernel.db import Flag, Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros

images = Table(
    "image_images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("status", Text, nullable=False, index=True),
    Column("visibility", Text, nullable=False, index=True),
    Column("owner", Text, index=True),
    Column("disk_format", Text),
    Column("container_format", Text),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("protected", Flag, nullable=False),
    Column("os_hidden", Flag, nullable=False),
    Column("checksum", Text, index=True),
    Column("os_hash_algo", Text),
    Column("os_hash_value", Text),
    Column("blob_id", Text, nullable=False, default=""),
    Column("finding", Json(dict)),
    Column("writer", Text, nullable=False, default=""),
    Column("touched_at", Time, nullable=False, default=0),
    Column("created_at", Time, nullable=False, index=True),
    Column("updated_at", Time, nullable=False),
)


class ImageRow(Struct, frozen=True, kw_only=False):
    """Columns in the table's order."""

    id: str
    name: str | None
    status: str
    visibility: str
    owner: str | None
    disk_format: str | None
    container_format: str | None
    size: int | None
    virtual_size: int | None
    min_disk: int
    min_ram: int
    protected: bool
    os_hidden: bool
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    blob_id: str
    """The blob that holds the data, or is being filled, or is staged; empty when there is none."""
    finding: dict[str, object] | None
    """What the inspection of staged data found, for the import to judge."""
    writer: str
    """The process that is filling the blob; empty when nobody is."""
    touched_at: Micros
    """When the writer last said that it lives."""
    created_at: Micros
    updated_at: Micros


FILLING = ("saving", "uploading")
"""States in which somebody may be filling the blob."""

_FIND = Query(select(images).where(images.c.id == bindparam("id")), into=ImageRow)
_INSERT = Query(insert(images))
_UPDATE = Query(update(images).where(images.c.id == bindparam("b_id")))
_MOVE = Query(
    update(images).where(
        images.c.id == bindparam("b_id"),
        images.c.status == bindparam("b_status"),
        images.c.blob_id == bindparam("b_blob"),
    )
)
_DELETE = Query(delete(images).where(images.c.id == bindparam("id")))
_TOUCH = Query(
    update(images)
    .where(images.c.blob_id == bindparam("b_blob"), images.c.writer == bindparam("b_writer"))
    .values(touched_at=bindparam("b_now"))
)
_WRITTEN = Query(select(images).where(images.c.writer != ""), into=ImageRow)
_BLOBS = Query(
    select(images.c.blob_id).where(images.c.blob_id != "", images.c.status.in_(("saving", "uploading", "importing"))),
    into=str,
)
_ANY = Query(select(images.c.id).limit(1))
_STAGED = Query(
    select(func.coalesce(func.sum(images.c.size), 0)).where(
        images.c.owner == bindparam("owner"), images.c.status.in_(("uploading", "importing"))
    )
)
_COUNT = Query(select(func.count()).where(images.c.owner == bindparam("owner")))
_FILLED = Query(
    select(func.count()).where(
        images.c.owner == bindparam("owner"), images.c.status.in_(("saving", "uploading", "importing"))
    )
)


def find(tx: Tx, image_id: str) -> ImageRow | None:
    return tx.row(_FIND, id=image_id)


def add(tx: Tx, row: ImageRow) -> None:
    tx.run(_INSERT, **asdict(row))


def change(tx: Tx, image_id: str, /, **values: object) -> None:
    tx.run(_UPDATE, b_id=image_id, **values)


def move(tx: Tx, image_id: str, status: str, blob_id: str, /, **values: object) -> bool:
    """Change a row that is still in that state with that blob; False when it no longer is."""
    return tx.run(_MOVE, b_id=image_id, b_status=status, b_blob=blob_id, **values) > 0


def remove(tx: Tx, image_id: str) -> None:
    tx.run(_DELETE, id=image_id)


def touch(tx: Tx, writer: str, blob_ids: list[str]) -> None:
    """Say that this writer still fills these blobs."""
    tx.run_many(_TOUCH, [{"b_blob": blob_id, "b_writer": writer, "b_now": tx.now} for blob_id in blob_ids])


def being_written(tx: Tx) -> list[ImageRow]:
    return tx.rows(_WRITTEN)


def coming_blob_ids(tx: Tx) -> set[str]:
    """Blobs of images that have no location yet: being filled, staged, being imported."""
    return set(tx.rows(_BLOBS))


def any_there(tx: Tx) -> bool:
    return tx.row(_ANY) is not None


def bytes_staged(tx: Tx, owner: str) -> int:
    return _number(tx, _STAGED, owner)


def count(tx: Tx, owner: str) -> int:
    return _number(tx, _COUNT, owner)


def count_filling(tx: Tx, owner: str) -> int:
    return _number(tx, _FILLED, owner)


def _number(tx: Tx, query: Query[tuple[int]], owner: str) -> int:
    row = tx.row(query, owner=owner)
    return int(row[0]) if row else 0
