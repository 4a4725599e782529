"""Versions that are not the current object: older ones, and delete markers (those that are the latest included)."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Table,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from pileus.kernel.db import Query, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Name
from pileus.services.objectstore.db.objects import MARKER, ItemRow, ObjectRow, columns

versions = Table(
    "objectstore_versions",
    metadata,
    Column("container_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Name, primary_key=True),
    Column("rank", BigInteger, primary_key=True, autoincrement=False),
    *columns(),
    sqlite_with_rowid=False,
)
"""`rank` is minus the stamp, so that the key's order is by name and the newest first."""
_EXPIRES = versions.c.delete_at > 0
Index("ix_objectstore_versions_delete_at", versions.c.delete_at, sqlite_where=_EXPIRES, postgresql_where=_EXPIRES)
_NULLS = versions.c.versioned.is_(False)
Index(
    "ix_objectstore_versions_null",
    versions.c.container_id,
    versions.c.name,
    unique=True,
    sqlite_where=_NULLS,
    postgresql_where=_NULLS,
)
"""A name has one of them at most, among any number of versions."""


def _row(container_id: int, name: str, rank: int, *rest: object) -> ObjectRow:
    return ObjectRow(container_id, name, -rank, *rest)  # type: ignore[arg-type]


_OF = (versions.c.container_id == bindparam("container_id"), versions.c.name == bindparam("name"))
_FIND = Query(select(versions).where(*_OF, versions.c.rank == bindparam("rank")), into=_row)
_NULL = Query(select(versions).where(*_OF, _NULLS), into=_row)
_LATEST = Query(select(versions).where(*_OF).order_by(versions.c.rank).limit(1), into=_row)
_INSERT = Query(insert(versions))
_UPDATE = Query(
    update(versions).where(
        versions.c.container_id == bindparam("b_container"),
        versions.c.name == bindparam("b_name"),
        versions.c.rank == bindparam("b_rank"),
    )
)
_DELETE = Query(delete(versions).where(*_OF, versions.c.rank == bindparam("rank")))
_ANY = Query(select(versions.c.name).where(versions.c.container_id == bindparam("container_id")).limit(1), into=str)
_ANY_DATA = Query(
    select(versions.c.name)
    .where(versions.c.container_id == bindparam("container_id"), versions.c.kind != MARKER)
    .limit(1),
    into=str,
)
_EXPIRED = Query(
    select(versions)
    .where(_EXPIRES, versions.c.delete_at <= bindparam("now"))
    .order_by(versions.c.delete_at)
    .limit(bindparam("b_limit")),
    into=_row,
)
_OF_CONTAINER = Query(
    select(versions).where(versions.c.container_id == bindparam("container_id")).limit(bindparam("b_limit")), into=_row
)
_KEY = tuple_(versions.c.name, versions.c.rank)
_PLACE = tuple_(bindparam("name"), bindparam("rank"))


def _page(*within: ColumnElement[bool], order: tuple[ColumnElement[Any], ...]) -> Query[ItemRow]:
    fields = [
        (-versions.c.rank).label("stamp") if name == "stamp" else versions.c[name] for name in ItemRow.__struct_fields__
    ]
    own = versions.c.container_id == bindparam("container_id")
    return Query(select(*fields).where(own, *within).order_by(*order).limit(bindparam("b_limit")), into=ItemRow)


_AHEAD = _page(_KEY > _PLACE, versions.c.name < bindparam("end"), order=(versions.c.name, versions.c.rank))
_BACK = _page(
    _KEY < _PLACE, versions.c.name >= bindparam("end"), order=(versions.c.name.desc(), versions.c.rank.desc())
)


def find(tx: Tx, container_id: int, name: str, stamp: Micros) -> ObjectRow | None:
    return tx.row(_FIND, container_id=container_id, name=name, rank=-stamp)


def find_null(tx: Tx, container_id: int, name: str) -> ObjectRow | None:
    """The version without an id, if it is an older one or a marker."""
    return tx.row(_NULL, container_id=container_id, name=name)


def latest(tx: Tx, container_id: int, name: str) -> ObjectRow | None:
    return tx.row(_LATEST, container_id=container_id, name=name)


def add(tx: Tx, row: ObjectRow) -> None:
    values = msgspec.structs.asdict(row)
    values["rank"] = -values.pop("stamp")
    tx.run(_INSERT, **values)


def change(tx: Tx, row: ObjectRow, /, **values: object) -> None:
    tx.run(_UPDATE, b_container=row.container_id, b_name=row.name, b_rank=-row.stamp, **values)


def remove(tx: Tx, row: ObjectRow) -> None:
    tx.run(_DELETE, container_id=row.container_id, name=row.name, rank=-row.stamp)


def any_in(tx: Tx, container_id: int, *, markers: bool = True) -> bool:
    return tx.row(_ANY if markers else _ANY_DATA, container_id=container_id) is not None


def some(tx: Tx, container_id: int, limit: int) -> list[ObjectRow]:
    return tx.rows(_OF_CONTAINER, container_id=container_id, b_limit=limit)


def expired(tx: Tx, limit: int) -> list[ObjectRow]:
    return tx.rows(_EXPIRED, now=tx.now, b_limit=limit)


def ahead(tx: Tx, container_id: int, end: str, place: tuple[str, int], limit: int) -> list[ItemRow]:
    """Behind `place` (name, rank) and before the name `end`: by name, the newest first."""
    return tx.rows(_AHEAD, container_id=container_id, name=place[0], rank=place[1], end=end, b_limit=limit)


def back(tx: Tx, container_id: int, end: str, place: tuple[str, int], limit: int) -> list[ItemRow]:
    """Before `place` (name, rank), down to the name `end` itself: the other way round."""
    return tx.rows(_BACK, container_id=container_id, name=place[0], rank=place[1], end=end, b_limit=limit)
