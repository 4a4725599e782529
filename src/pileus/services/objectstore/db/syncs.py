"""What synced containers still owe the containers that follow them, in the order in which it came."""

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Index, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Flag, Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Id, Name

syncs = Table(
    "objectstore_syncs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("container_id", BigInteger, nullable=False),
    Column("name", Name, nullable=False),
    Column("walks", Flag, nullable=False),
    Column("gone_at", Time, nullable=False),
    Index(None, "container_id"),
    sqlite_autoincrement=True,
)


class SyncRow(Struct, frozen=True):
    id: int
    container_id: int
    name: str
    """The object; with `walks`, that after which all are still owed."""
    walks: bool
    gone_at: Micros
    """When it was deleted; 0: it changed."""


_ADD = Query(insert(syncs))
_OWING = Query(
    select(syncs.c.container_id)
    .where(syncs.c.container_id > bindparam("after"))
    .distinct()
    .order_by(syncs.c.container_id)
    .limit(bindparam("b_limit")),
    into=int,
)
_OF = Query(
    select(syncs)
    .where(syncs.c.container_id == bindparam("container_id"), syncs.c.id > bindparam("after"))
    .order_by(syncs.c.id)
    .limit(bindparam("b_limit")),
    into=SyncRow,
)
_GET = Query(select(syncs).where(syncs.c.id == bindparam("id")), into=SyncRow)
_MOVE = Query(update(syncs).where(syncs.c.id == bindparam("b_id")))
_DROP = Query(delete(syncs).where(syncs.c.id == bindparam("id")))
_FORGET = Query(delete(syncs).where(syncs.c.container_id == bindparam("container_id")))


def add(tx: Tx, container_id: int, name: str, *, walks: bool = False, gone_at: Micros = 0) -> None:
    tx.run(_ADD, container_id=container_id, name=name, walks=walks, gone_at=gone_at)


def owing(tx: Tx, after: int, limit: int) -> list[int]:
    """Containers behind that one (ids) that owe something."""
    return tx.rows(_OWING, after=after, b_limit=limit)


def of(tx: Tx, container_id: int, after: int, limit: int) -> list[SyncRow]:
    """What a container owes, behind that debt, in the order in which it came."""
    return tx.rows(_OF, container_id=container_id, after=after, b_limit=limit)


def get(tx: Tx, row_id: int) -> SyncRow | None:
    return tx.row(_GET, id=row_id)


def move(tx: Tx, row: SyncRow, name: str) -> None:
    """A walk has come to `name`."""
    tx.run(_MOVE, b_id=row.id, name=name)


def drop(tx: Tx, row_id: int) -> None:
    tx.run(_DROP, id=row_id)


def forget(tx: Tx, container_id: int) -> None:
    tx.run(_FORGET, container_id=container_id)
