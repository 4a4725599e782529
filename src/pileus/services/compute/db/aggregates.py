"""Host aggregates: named sets of hosts."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Json, Query, Time, Tx, metadata

aggregates = Table(
    "compute_aggregates",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("metadata", Json(dict[str, str]), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time),
)
members = Table(
    "compute_aggregate_hosts",
    metadata,
    Column("aggregate_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("host", String(255), primary_key=True),
)


class AggregateRow(Struct, frozen=True):
    """The availability zone, where it makes one, stands in its metadata under `availability_zone`."""

    id: int
    uuid: str
    name: str
    metadata: dict[str, str]
    created_at: int
    updated_at: int | None


_ALL = Query(select(aggregates).order_by(aggregates.c.id), into=AggregateRow)
_FIND = Query(select(aggregates).where(aggregates.c.id == bindparam("id")), into=AggregateRow)
_NAMED = Query(select(aggregates).where(aggregates.c.name == bindparam("name")), into=AggregateRow)
_OF_HOST = Query(
    select(aggregates)
    .join(members, members.c.aggregate_id == aggregates.c.id)
    .where(members.c.host == bindparam("host"))
    .order_by(aggregates.c.id),
    into=AggregateRow,
)
_INSERT = Query(insert(aggregates))
_UPDATE = Query(update(aggregates).where(aggregates.c.id == bindparam("aggregate_id")))
_DELETE = Query(delete(aggregates).where(aggregates.c.id == bindparam("id")))
_HOSTS = Query(
    select(members.c.aggregate_id, members.c.host)
    .where(members.c.aggregate_id.in_(bindparam("ids", expanding=True)))
    .order_by(members.c.host)
)
_JOIN = Query(insert(members))
_LEAVE = Query(delete(members).where(members.c.aggregate_id == bindparam("of"), members.c.host == bindparam("name")))


def every(tx: Tx) -> list[AggregateRow]:
    return tx.rows(_ALL)


def find(tx: Tx, aggregate_id: int) -> AggregateRow | None:
    return tx.row(_FIND, id=aggregate_id)


def named(tx: Tx, name: str) -> AggregateRow | None:
    return tx.row(_NAMED, name=name)


def of_host(tx: Tx, host: str) -> list[AggregateRow]:
    return tx.rows(_OF_HOST, host=host)


def insert_aggregate(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def change(tx: Tx, aggregate_id: int, **values: Any) -> None:
    tx.run(_UPDATE, aggregate_id=aggregate_id, updated_at=tx.now, **values)


def remove(tx: Tx, aggregate_id: int) -> None:
    tx.run(_DELETE, id=aggregate_id)


def hosts_of(tx: Tx, ids: Sequence[int]) -> dict[int, list[str]]:
    """Hosts by aggregate; one query for any number."""
    found: dict[int, list[str]] = {i: [] for i in ids}
    for aggregate_id, host in tx.rows(_HOSTS, ids=list(ids)) if ids else ():
        found[aggregate_id].append(host)
    return found


def join(tx: Tx, aggregate_id: int, host: str) -> None:
    tx.run(_JOIN, aggregate_id=aggregate_id, host=host)


def leave(tx: Tx, aggregate_id: int, host: str) -> int:
    return tx.run(_LEAVE, of=aggregate_id, name=host)
