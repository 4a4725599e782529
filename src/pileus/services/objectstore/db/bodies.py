"""Bodies: the bytes behind objects, inline or as the name of a blob. Several objects may have the same one.

Beside the objects and not in them: listings walk narrow rows, and a copy takes one more reference.
"""

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from pileus.kernel.db import Json, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Id, Name

bodies = Table(
    "objectstore_bodies",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("refs", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("md5", Text, nullable=False),
    Column("place", Text, nullable=False, default=""),
    Column("blob", Name, nullable=False, default=""),
    Column("checked_at", Time, nullable=False, default=0),
    Column("data", LargeBinary),
    sqlite_autoincrement=True,
)
"""An id is never given again: what was read before, and copies or clears later, must not meet another body."""
Index(
    "ix_objectstore_bodies_blob",
    bodies.c.blob,
    unique=True,
    sqlite_where=bodies.c.blob != "",
    postgresql_where=bodies.c.blob != "",
)
Index(
    "ix_objectstore_bodies_checked_at",
    bodies.c.place,
    bodies.c.checked_at,
    sqlite_where=bodies.c.blob != "",
    postgresql_where=bodies.c.blob != "",
)
pieces = Table(
    "objectstore_pieces",
    metadata,
    Column("whole_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_id", BigInteger, nullable=False),
    Column("checks", Json(dict[str, str])),
    sqlite_with_rowid=False,
)
garbage = Table(
    "objectstore_garbage",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("place", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("whole_id", BigInteger, nullable=False),
    Column("since", Time, nullable=False),
)


class BodyRow(Struct, frozen=True):
    """Exactly one of `data`, `blob` and pieces holds the bytes; none when `size` is 0."""

    id: int
    refs: int
    """How many objects, versions, parts and pieces name it."""
    size: int
    md5: str
    """Of the bytes; empty for a body of pieces."""
    place: str
    """The storage policy whose store has the blob; empty when inline or in pieces."""
    blob: str
    checked_at: Micros
    """When the scrubber last read it; its writing counts as reading."""
    data: bytes | None


class PieceRow(Struct, frozen=True):
    """One part of a body that was brought in parts."""

    number: int
    start: int
    """Offset in the whole."""
    size: int
    part_id: int
    checks: dict[str, str] | None = None
    """Checksums that its writer asked for, base64 by name."""


class GarbageRow(Struct, frozen=True):
    """A blob that no body names any more, or a body of pieces whose pieces are to be let go."""

    id: int
    place: str
    blob: str
    whole_id: int
    since: Micros


_INSERT = Query(insert(bodies).returning(bodies.c.id), into=int)
_BINDS = {column.name: bindparam(f"b_{column.name}", type_=column.type) for column in bodies.columns}
_INSERT_IN_LANE = Query(
    insert(bodies)
    .values(_BINDS | {"id": bindparam("b_lane", type_=BigInteger) + func.nextval("objectstore_bodies_id_seq")})
    .returning(bodies.c.id),
    into=int,
)
LANE = 1 << 44
"""On PostgreSQL each connection adds at a place of its own in the key: who lets go of a body has read a page of it, and were all
new bodies on that page, writers of quite other objects would fail by it."""
_GET = Query(select(bodies).where(bodies.c.id == bindparam("id")), into=BodyRow)
_TAKE = Query(update(bodies).where(bodies.c.id == bindparam("b_id")).values(refs=bodies.c.refs + 1))
_LET_GO = Query(
    update(bodies).where(bodies.c.id == bindparam("b_id"), bodies.c.refs > 1).values(refs=bodies.c.refs - 1)
)
_DELETE = Query(
    delete(bodies)
    .where(bodies.c.id == bindparam("id"), bodies.c.refs == 1)
    .returning(bodies.c.place, bodies.c.blob, bodies.c.size, bodies.c.md5)
)
_PIECES = Query(
    select(pieces.c.number, pieces.c.start, pieces.c.size, pieces.c.part_id, pieces.c.checks)
    .where(
        pieces.c.whole_id == bindparam("whole_id"),
        pieces.c.start < bindparam("end"),
        pieces.c.start + pieces.c.size > bindparam("first"),
    )
    .order_by(pieces.c.number)
    .limit(bindparam("b_limit")),
    into=PieceRow,
)
_PIECES_INSERT = Query(insert(pieces))
_PIECES_DELETE = Query(
    delete(pieces).where(pieces.c.whole_id == bindparam("whole_id"), pieces.c.number <= bindparam("last"))
)
_GARBAGE_INSERT = Query(insert(garbage))
_GARBAGE = Query(
    select(garbage)
    .where(garbage.c.id > bindparam("after"), garbage.c.since <= bindparam("before"))
    .order_by(garbage.c.id)
    .limit(bindparam("b_limit")),
    into=GarbageRow,
)
_GARBAGE_GET = Query(select(garbage).where(garbage.c.id == bindparam("id")), into=GarbageRow)
_GARBAGE_KEEP = Query(
    update(garbage).where(garbage.c.id.in_(bindparam("ids", expanding=True))).values(since=bindparam("b_now"))
)
_GARBAGE_DELETE = Query(delete(garbage).where(garbage.c.id.in_(bindparam("ids", expanding=True))))
_SOME = Query(select(bodies).where(bodies.c.id.in_(bindparam("ids", expanding=True))), into=BodyRow)
_WAITING = Query(select(garbage.c.blob).where(garbage.c.blob.in_(bindparam("blobs", expanding=True))), into=str)
_ANY = Query(select(bodies.c.id).limit(1), into=int)
_UNCHECKED = Query(
    select(bodies)
    .where(bodies.c.blob != "", bodies.c.place == bindparam("place"), bodies.c.checked_at < bindparam("before"))
    .order_by(bodies.c.checked_at)
    .limit(bindparam("b_limit")),
    into=BodyRow,
)
_CHECKED = Query(update(bodies).where(bodies.c.id == bindparam("b_id")).values(checked_at=bindparam("b_now")))
_NAMED = Query(select(bodies.c.blob).where(bodies.c.blob.in_(bindparam("blobs", expanding=True))), into=str)


def waiting(tx: Tx, blobs: list[str]) -> set[str]:
    """Those of `blobs` that are garbage already, and wait for their time."""
    return set(tx.rows(_WAITING, blobs=blobs))


def any_there(tx: Tx) -> bool:
    return tx.row(_ANY) is not None


def unchecked(tx: Tx, place: str, before: Micros, limit: int) -> list[BodyRow]:
    """Blobs of a policy that nobody has read since, the longest ago first."""
    return tx.rows(_UNCHECKED, place=place, before=before, b_limit=limit)


def checked(tx: Tx, body_id: int) -> None:
    """It was read just now."""
    tx.run(_CHECKED, b_id=body_id, b_now=tx.now)


def add(tx: Tx, *, size: int, md5: str, data: bytes | None = None, place: str = "", blob: str = "") -> int:
    """A body with one reference; its id."""
    if tx.dialect == "sqlite":
        found = tx.row(_INSERT, refs=1, size=size, md5=md5, place=place, blob=blob, checked_at=tx.now, data=data)
    else:
        found = tx.row(
            _INSERT_IN_LANE, b_lane=tx.seat * LANE, b_refs=1, b_size=size, b_md5=md5, b_place=place, b_blob=blob,
            b_checked_at=tx.now, b_data=data,
        )  # fmt: skip
    assert found is not None
    return found


def get(tx: Tx, body_id: int) -> BodyRow | None:
    return tx.row(_GET, id=body_id)


def some(tx: Tx, ids: list[int]) -> dict[int, BodyRow]:
    return {row.id: row for row in tx.rows(_SOME, ids=ids)}


def take(tx: Tx, body_id: int) -> None:
    """One more names it."""
    tx.run(_TAKE, b_id=body_id)


def let_go(tx: Tx, body_id: int) -> None:
    """One less names it. What nobody names is gone at once, its blob when the sweeper comes by."""
    found = tx.row(_DELETE, id=body_id)
    if found is None:
        tx.run(_LET_GO, b_id=body_id)
        return
    place, blob, size, md5 = found
    in_pieces = bool(size and not md5)
    if blob or in_pieces:
        whole_id = body_id if in_pieces else 0
        tx.run(_GARBAGE_INSERT, place=place, blob=blob, whole_id=whole_id, since=tx.now)


def pieces_of(tx: Tx, whole_id: int, first: int, end: int, limit: int) -> list[PieceRow]:
    """The pieces that bytes `first` to `end` (exclusive) touch, in order."""
    return tx.rows(_PIECES, whole_id=whole_id, first=first, end=end, b_limit=limit)


def add_pieces(tx: Tx, whole_id: int, rows: list[PieceRow]) -> None:
    """References to the parts go over to the pieces."""
    names = PieceRow.__struct_fields__
    tx.run_many(
        _PIECES_INSERT, [{"whole_id": whole_id, **{name: getattr(row, name) for name in names}} for row in rows]
    )


def drop_pieces(tx: Tx, whole_id: int, last: int) -> None:
    """Those up to number `last`; the caller has let go of their bodies."""
    tx.run(_PIECES_DELETE, whole_id=whole_id, last=last)


def some_garbage(tx: Tx, after: int, before: Micros, limit: int) -> list[GarbageRow]:
    """What lost its last name before that moment; behind that id, in the order of ids."""
    return tx.rows(_GARBAGE, after=after, before=before, b_limit=limit)


def find_garbage(tx: Tx, garbage_id: int) -> GarbageRow | None:
    return tx.row(_GARBAGE_GET, id=garbage_id)


def keep_garbage(tx: Tx, ids: list[int]) -> None:
    """As if they had lost their last names just now: somebody still reads them."""
    tx.run(_GARBAGE_KEEP, ids=ids, b_now=tx.now)


def drop_garbage(tx: Tx, ids: list[int]) -> None:
    tx.run(_GARBAGE_DELETE, ids=ids)


def named(tx: Tx, blobs: list[str]) -> set[str]:
    """Those of `blobs` that a body names."""
    return set(tx.rows(_NAMED, blobs=blobs))
