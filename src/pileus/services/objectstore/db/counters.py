"""Counters of containers and accounts, kept by the transaction that changes what they count.

A counter is the sum of its shards. SQLite has one writer and one shard; on PostgreSQL each connection has a shard of its
own, so that writers of one container do not wait for each other (or, being SERIALIZABLE, fail).
"""

from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, Table, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from pileus.kernel.db import Query, Tx, metadata
from pileus.services.objectstore.db.columns import Name

counters = Table(
    "objectstore_counters",
    metadata,
    Column("owner", Name, primary_key=True),
    Column("place", Name, primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("containers", BigInteger, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
SHARDS = 64


class Count(Struct, frozen=True):
    """What one storage policy holds of an account or container. Versions that are not the latest count in bytes only."""

    place: str
    containers: int
    objects: int
    bytes: int


def _bump(insert: Any) -> Query[Any]:
    statement = insert(counters)
    summed = {name: counters.c[name] + statement.excluded[name] for name in ("containers", "objects", "bytes")}
    binds = {column.name: bindparam(f"b_{column.name}", type_=column.type) for column in counters.columns}
    both = [binds, binds | {"owner": bindparam("b_other", type_=counters.c.owner.type)}]
    return Query(statement.values(both).on_conflict_do_update(index_elements=["owner", "place", "shard"], set_=summed))


_BUMP = {"sqlite": _bump(upsert_sqlite), "postgresql": _bump(upsert_postgresql)}
_SUM = Query(
    select(counters.c.place, func.sum(counters.c.containers), func.sum(counters.c.objects), func.sum(counters.c.bytes))
    .where(counters.c.owner == bindparam("owner"))
    .group_by(counters.c.place)
    .order_by(counters.c.place)
)
_SUMS = Query(
    select(counters.c.owner, func.sum(counters.c.objects), func.sum(counters.c.bytes))
    .where(counters.c.owner.in_(bindparam("owners", expanding=True)))
    .group_by(counters.c.owner)
)
_DELETE = Query(delete(counters).where(counters.c.owner == bindparam("owner")))


def of_account(name: str) -> str:
    return f"a/{name}"


def of_container(container_id: int) -> str:
    return f"c/{container_id}"


def bump(tx: Tx, account: str, container_id: int, place: str, objects: int, size: int, containers: int = 0) -> None:
    """Add to a container's counters and to its account's."""
    if not (objects or size or containers):
        return
    tx.run(
        _BUMP[tx.dialect], b_owner=of_container(container_id), b_other=of_account(account), b_place=place,
        b_shard=tx.seat % SHARDS, b_objects=objects, b_bytes=size, b_containers=containers,
    )  # fmt: skip


def sums(tx: Tx, owner: str) -> list[Count]:
    """By storage policy."""
    return [Count(place, int(n), int(objects), int(size)) for place, n, objects, size in tx.rows(_SUM, owner=owner)]


def sums_of(tx: Tx, container_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Objects and bytes of each container; those that never had any are left out."""
    if not container_ids:
        return {}
    found = tx.rows(_SUMS, owners=[of_container(one) for one in container_ids])
    return {int(owner[2:]): (int(objects), int(size)) for owner, objects, size in found}


def forget(tx: Tx, owner: str) -> None:
    tx.run(_DELETE, owner=owner)
