"""Uploads in parts that are not complete yet."""

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Details, Name

uploads = Table(
    "objectstore_uploads",
    metadata,
    Column("id", Name, primary_key=True),
    Column("container_id", BigInteger, nullable=False),
    Column("name", Name, nullable=False),
    Column("owner", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("details", Json(Details)),
    Index(None, "container_id", "name", "id"),
    Index(None, "created_at"),
)
parts = Table(
    "objectstore_parts",
    metadata,
    Column("upload_id", Name, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body_id", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    Column("modified_at", Time, nullable=False),
    Column("checks", Json(dict[str, str])),
    sqlite_with_rowid=False,
)


ABANDONED = 0
"""When an upload was begun whose container is gone."""


class UploadRow(Struct, frozen=True):
    id: str
    container_id: int
    name: str
    owner: str
    """Who began it: the user's id."""
    content_type: str
    created_at: Micros
    details: Details | None = None


class PartRow(Struct, frozen=True):
    upload_id: str
    number: int
    """1 to 10,000."""
    body_id: int
    size: int
    etag: str
    modified_at: Micros
    checks: dict[str, str] | None = None
    """Checksums beside MD5, base64 by name."""


_FIND = Query(select(uploads).where(uploads.c.id == bindparam("id")), into=UploadRow)
_INSERT = Query(insert(uploads))
_DELETE = Query(delete(uploads).where(uploads.c.id == bindparam("id")))
_OF = Query(
    select(uploads)
    .where(
        uploads.c.container_id == bindparam("container_id"),
        tuple_(uploads.c.name, uploads.c.id) > tuple_(bindparam("name"), bindparam("upload_id")),
        uploads.c.name < bindparam("high"),
    )
    .order_by(uploads.c.name, uploads.c.id)
    .limit(bindparam("b_limit")),
    into=UploadRow,
)
_OLD = Query(
    select(uploads)
    .where(uploads.c.created_at < bindparam("before"))
    .order_by(uploads.c.created_at)
    .limit(bindparam("b_limit")),
    into=UploadRow,
)
_ANY = Query(select(uploads.c.id).where(uploads.c.container_id == bindparam("container_id")).limit(1), into=str)
_ABANDON = Query(
    update(uploads).where(uploads.c.container_id == bindparam("b_container")).values(created_at=bindparam("b_moment"))
)
_PART = Query(
    select(parts).where(parts.c.upload_id == bindparam("upload_id"), parts.c.number == bindparam("number")),
    into=PartRow,
)
_PARTS = Query(
    select(parts)
    .where(parts.c.upload_id == bindparam("upload_id"), parts.c.number > bindparam("after"))
    .order_by(parts.c.number)
    .limit(bindparam("b_limit")),
    into=PartRow,
)
_PART_INSERT = Query(insert(parts))
_PART_DELETE = Query(
    delete(parts).where(parts.c.upload_id == bindparam("upload_id"), parts.c.number == bindparam("number"))
)
_PARTS_DELETE = Query(
    delete(parts).where(parts.c.upload_id == bindparam("upload_id"), parts.c.number <= bindparam("last"))
)


def find(tx: Tx, upload_id: str) -> UploadRow | None:
    return tx.row(_FIND, id=upload_id)


def add(tx: Tx, row: UploadRow) -> None:
    tx.run(_INSERT, **asdict(row))


def remove(tx: Tx, upload_id: str) -> None:
    tx.run(_DELETE, id=upload_id)


def of_container(tx: Tx, container_id: int, high: str, place: tuple[str, str], limit: int) -> list[UploadRow]:
    """Behind `place` (name, id) and before the name `high`, by name, then id."""
    return tx.rows(_OF, container_id=container_id, name=place[0], upload_id=place[1], high=high, b_limit=limit)


def abandon(tx: Tx, container_id: int) -> None:
    """Those of a container that goes: the first to be found by `before`."""
    tx.run(_ABANDON, b_container=container_id, b_moment=ABANDONED)


def any_in(tx: Tx, container_id: int) -> bool:
    return tx.row(_ANY, container_id=container_id) is not None


def before(tx: Tx, moment: Micros, limit: int) -> list[UploadRow]:
    """Those begun before `moment`, the oldest first."""
    return tx.rows(_OLD, before=moment, b_limit=limit)


def part(tx: Tx, upload_id: str, number: int) -> PartRow | None:
    return tx.row(_PART, upload_id=upload_id, number=number)


def parts_of(tx: Tx, upload_id: str, after: int = 0, limit: int = 10_000) -> list[PartRow]:
    return tx.rows(_PARTS, upload_id=upload_id, after=after, b_limit=limit)


def add_part(tx: Tx, row: PartRow) -> None:
    tx.run(_PART_INSERT, **asdict(row))


def remove_part(tx: Tx, upload_id: str, number: int) -> None:
    tx.run(_PART_DELETE, upload_id=upload_id, number=number)


def drop_parts(tx: Tx, upload_id: str, last: int) -> None:
    """The rows up to number `last`, not the bodies."""
    tx.run(_PARTS_DELETE, upload_id=upload_id, last=last)
