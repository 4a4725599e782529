"""When objects of synced containers were deleted, so that what other clusters still send of them comes too late."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from pileus.kernel.db import Query, Time, Tx, metadata
from pileus.kernel.types import Micros
from pileus.services.objectstore.db.columns import Name

graves = Table(
    "objectstore_graves",
    metadata,
    Column("container_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Name, primary_key=True),
    Column("gone_at", Time, nullable=False),
    Column("dug_at", Time, nullable=False),
    Index(None, "dug_at"),
    sqlite_with_rowid=False,
)
"""`gone_at` is the deletion's own time, which another cluster may have said; `dug_at` is ours."""

_KEY = (graves.c.container_id == bindparam("container_id"), graves.c.name == bindparam("name"))
_FIND = Query(select(graves.c.gone_at).where(*_KEY), into=int)
_DELETE = Query(delete(graves).where(*_KEY))
_OLD = Query(
    select(graves.c.container_id, graves.c.name)
    .where(graves.c.dug_at < bindparam("before"))
    .limit(bindparam("b_limit"))
)
_FORGET = Query(delete(graves).where(graves.c.container_id == bindparam("container_id")))


def _upsert(insert: Any) -> Query[Any]:
    statement = insert(graves)
    binds = {column.name: bindparam(f"b_{column.name}", type_=column.type) for column in graves.columns}
    fresh = {name: statement.excluded[name] for name in ("gone_at", "dug_at")}
    return Query(statement.values(binds).on_conflict_do_update(index_elements=["container_id", "name"], set_=fresh))


_PUT = {"sqlite": _upsert(upsert_sqlite), "postgresql": _upsert(upsert_postgresql)}


def find(tx: Tx, container_id: int, name: str) -> Micros:
    """When it was deleted; 0: nobody remembers that it was."""
    return tx.row(_FIND, container_id=container_id, name=name) or 0


def put(tx: Tx, container_id: int, name: str, gone_at: Micros) -> None:
    tx.run(_PUT[tx.dialect], b_container_id=container_id, b_name=name, b_gone_at=gone_at, b_dug_at=tx.now)


def remove(tx: Tx, container_id: int, name: str) -> None:
    tx.run(_DELETE, container_id=container_id, name=name)


def forget(tx: Tx, container_id: int) -> None:
    tx.run(_FORGET, container_id=container_id)


def some_old(tx: Tx, before: Micros, limit: int) -> list[tuple[int, str]]:
    """Container ids and names of those dug before."""
    return [(int(container_id), name) for container_id, name in tx.rows(_OLD, before=before, b_limit=limit)]
