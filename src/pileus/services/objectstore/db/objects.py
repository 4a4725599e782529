"""Objects as they are now, one row a name. Older versions and delete markers stand in `versions`."""

from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from pileus.kernel.db import Flag, Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.bodies import bodies
from pileus.services.objectstore.db.columns import Details, Name
from pileus.services.objectstore.db.spans import Span, ranges

DATA, SLO, DLO, PARTS, SYMLINK, MARKER = "", "slo", "dlo", "parts", "symlink", "marker"
"""Kinds of an object: bytes; a static and a dynamic manifest; bytes in parts; a link; a delete marker (a version only)."""
PARTS_STAMPED = 1024


def columns() -> list[Column[object]]:
    """What an object and a version of one have alike. Narrow ones first: what is long overflows at the row's end."""
    return [
        Column("versioned", Flag, nullable=False),
        Column("kind", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("weight", BigInteger, nullable=False),
        Column("etag", Text, nullable=False),
        Column("inner_etag", Text, nullable=False),
        Column("content_type", Text, nullable=False),
        Column("body_id", BigInteger, nullable=False),
        Column("modified_at", Time, nullable=False),
        Column("delete_at", Time, nullable=False),
        Column("details", Json(Details)),
    ]


objects = Table(
    "objectstore_objects",
    metadata,
    Column("container_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Name, primary_key=True),
    Column("stamp", Time, nullable=False),
    *columns(),
    sqlite_with_rowid=False,
)
_EXPIRES = objects.c.delete_at > 0
Index("ix_objectstore_objects_delete_at", objects.c.delete_at, sqlite_where=_EXPIRES, postgresql_where=_EXPIRES)


class ObjectRow(Struct, frozen=True):
    """An object, or a version of one."""

    container_id: int
    name: str
    stamp: Micros
    """When its bytes came, a multiple of 10; later than that of every older version. With `versioned`, the version's id."""
    versioned: bool
    """Whether it has a version id; one without is the null version, of which a name has one at most."""
    kind: str
    size: int
    """What a reader gets; for manifests, what was known when they were written (-1: ask the segments)."""
    weight: int
    """What the counters count it as: the bytes that it holds itself."""
    etag: str
    """What readers are told, without quotes: MD5 in hex, or that of parts (`…-3`), or a manifest's."""
    inner_etag: str
    """MD5 of a manifest's own text, where `etag` is another; else empty."""
    content_type: str
    body_id: int
    """0: no bytes."""
    modified_at: Micros
    """`stamp`, or when its metadata were last changed."""
    delete_at: Micros
    """When it expires; 0: never."""
    details: Details | None = None

    @property
    def kept(self) -> Details:
        return self.details or _PLAIN


class Whole(Struct, frozen=True):
    """An object with its body in the same query."""

    object: ObjectRow
    place: str
    blob: str
    data: bytes | None


class ItemRow(Struct, frozen=True):
    """An object in a listing."""

    name: str
    stamp: Micros
    versioned: bool
    kind: str
    size: int
    etag: str
    inner_etag: str
    content_type: str
    modified_at: Micros


_PLAIN = Details()
_ITEM = [objects.c[name] for name in ItemRow.__struct_fields__]
_KEY = (objects.c.container_id == bindparam("container_id"), objects.c.name == bindparam("name"))
_WIDTH = len(ObjectRow.__struct_fields__)


def _whole(*values: Any) -> Whole:
    return Whole(ObjectRow(*values[:_WIDTH]), *values[_WIDTH:])


_BINDS = {column.name: bindparam(f"b_{column.name}", type_=column.type) for column in objects.columns}


def _upsert(insert: Any) -> Query[Any]:
    statement = insert(objects)
    fresh = {column.name: statement.excluded[column.name] for column in objects.columns if not column.primary_key}
    return Query(statement.values(_BINDS).on_conflict_do_update(index_elements=["container_id", "name"], set_=fresh))


_FIND = Query(select(objects).where(*_KEY), into=ObjectRow)
_BODY = (
    func.coalesce(bodies.c.place, "").label("body_place"),
    func.coalesce(bodies.c.blob, "").label("body_blob"),
    bodies.c.data.label("body_data"),
)
_WHOLE = Query(
    select(*(column.label(f"object_{column.name}") for column in objects.columns), *_BODY)
    .select_from(objects.outerjoin(bodies, bodies.c.id == objects.c.body_id))
    .where(*_KEY),
    into=_whole,
)


def _claimed(added: bool, *values: Any) -> ObjectRow | None:
    return None if added else ObjectRow(*values)


def _claim() -> Query[ObjectRow | None]:
    """Its UPDATE changes nothing, it locks the row and tells it; `xmax` is 0 in rows that were inserted just now."""
    statement = upsert_postgresql(objects).values(_BINDS)
    locked = statement.on_conflict_do_update(
        index_elements=["container_id", "name"], set_={"container_id": objects.c.container_id}
    )
    added = literal_column("(objectstore_objects.xmax = 0)", Boolean).label("added")
    return Query(locked.returning(added, *objects.columns), into=_claimed)


_WHOLES = Query(
    select(*(column.label(f"object_{column.name}") for column in objects.columns), *_BODY)
    .select_from(objects.outerjoin(bodies, bodies.c.id == objects.c.body_id))
    .where(objects.c.container_id == bindparam("container_id"), objects.c.name.in_(bindparam("names", expanding=True))),
    into=_whole,
)
_CLAIM = {
    "sqlite": Query(upsert_sqlite(objects).values(_BINDS).on_conflict_do_nothing()),
    "postgresql": _claim(),
}
_PUT = {"sqlite": _upsert(upsert_sqlite), "postgresql": _upsert(upsert_postgresql)}
_CHANGE = Query(
    update(objects).where(objects.c.container_id == bindparam("b_container"), objects.c.name == bindparam("b_name"))
)
_DELETE = Query(delete(objects).where(*_KEY))
_ANY = Query(select(objects.c.name).where(objects.c.container_id == bindparam("container_id")).limit(1), into=str)
_EXPIRED = Query(
    select(objects)
    .where(_EXPIRES, objects.c.delete_at <= bindparam("now"))
    .order_by(objects.c.delete_at)
    .limit(bindparam("b_limit")),
    into=ObjectRow,
)
_WITH_BODY = Query(
    select(objects.c.container_id, objects.c.name)
    .where(objects.c.body_id == bindparam("body_id"))
    .limit(bindparam("b_limit"))
)
_SOME = Query(
    select(objects).where(
        objects.c.container_id == bindparam("container_id"), objects.c.name.in_(bindparam("names", expanding=True))
    ),
    into=ObjectRow,
)


_ITEM_OF = Query(select(*_ITEM).where(*_KEY), into=ItemRow)
_BY_NAME = ranges(objects, objects.c.container_id == bindparam("owner"), _ITEM, ItemRow)


def find(tx: Tx, container_id: int, name: str) -> ObjectRow | None:
    return tx.row(_FIND, container_id=container_id, name=name)


def item(tx: Tx, container_id: int, name: str) -> ItemRow | None:
    return tx.row(_ITEM_OF, container_id=container_id, name=name)


def whole(tx: Tx, container_id: int, name: str) -> Whole | None:
    """The object with its body: all that a reader needs, in one query."""
    return tx.row(_WHOLE, container_id=container_id, name=name)


def wholes(tx: Tx, container_id: int, names: list[str]) -> dict[str, Whole]:
    """Those of the names that are there."""
    return {one.object.name: one for one in tx.rows(_WHOLES, container_id=container_id, names=names)}


def some(tx: Tx, container_id: int, names: list[str]) -> dict[str, ObjectRow]:
    return {row.name: row for row in tx.rows(_SOME, container_id=container_id, names=names)}


def with_body(tx: Tx, body_id: int, limit: int) -> list[tuple[int, str]]:
    """Container ids and names of current objects with that body. Reads the whole table: for rare reports."""
    return [(row[0], row[1]) for row in tx.rows(_WITH_BODY, body_id=body_id, b_limit=limit)]


def part(container_id: int) -> str:
    """What is stamped when a container's objects change, or some other's that shares its part."""
    return f"{objects.name}/{container_id % PARTS_STAMPED}"


def claim(tx: Tx, row: ObjectRow) -> ObjectRow | None:
    """Insert it, unless something has its name: that, then, for `put` to replace.

    On PostgreSQL it is no read: SERIALIZABLE keeps what a read saw, or missed, by the page of the index, and all who write names of
    that page at the same time would fail by it.
    """
    tx.changes(part(row.container_id))
    values = {f"b_{name}": getattr(row, name) for name in ObjectRow.__struct_fields__}
    if tx.dialect == "sqlite":
        return None if tx.run(_CLAIM["sqlite"], **values) else find(tx, row.container_id, row.name)
    return tx.row(_CLAIM["postgresql"], **values)


def put(tx: Tx, row: ObjectRow) -> None:
    """Insert it, or take the place of what has its name."""
    tx.changes(part(row.container_id))
    tx.run(_PUT[tx.dialect], **{f"b_{name}": getattr(row, name) for name in ObjectRow.__struct_fields__})


def change(tx: Tx, container_id: int, name: str, /, **values: object) -> None:
    tx.changes(part(container_id))
    tx.run(_CHANGE, b_container=container_id, b_name=name, **values)


def remove(tx: Tx, container_id: int, name: str) -> None:
    tx.changes(part(container_id))
    tx.run(_DELETE, container_id=container_id, name=name)


def any_in(tx: Tx, container_id: int) -> bool:
    return tx.row(_ANY, container_id=container_id) is not None


def expired(tx: Tx, limit: int) -> list[ObjectRow]:
    return tx.rows(_EXPIRED, now=tx.now, b_limit=limit)


def between(tx: Tx, container_id: int, span: Span, limit: int) -> list[ItemRow]:
    return _BY_NAME.rows(tx, container_id, span, limit)
