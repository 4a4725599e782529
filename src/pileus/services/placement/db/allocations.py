"""Allocations: who holds what, and the consumers that hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from pileus.kernel.db import Query, Time, Tx, metadata

allocations = Table(
    "placement_allocations",
    metadata,
    Column("consumer_id", String(36), primary_key=True),
    Column("provider_id", String(36), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("used", BigInteger, nullable=False),
    Index("ix_placement_allocations_provider", "provider_id", "resource_class"),
)

consumers = Table(
    "placement_consumers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(255), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("consumer_type", String(255)),
    Column("generation", Integer, nullable=False, default=0),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("ix_placement_consumers_project", "project_id", "user_id"),
)


class AllocationRow(Struct, frozen=True):
    consumer_id: str
    provider_id: str
    resource_class: str
    used: int


class ConsumerRow(Struct, frozen=True):
    id: str
    project_id: str
    user_id: str
    consumer_type: str | None
    generation: int
    created_at: int
    updated_at: int


_OF_CONSUMER = Query(
    select(allocations).where(allocations.c.consumer_id == bindparam("id")).order_by(allocations.c.provider_id),
    into=AllocationRow,
)
_OF_PROVIDER = Query(
    select(allocations).where(allocations.c.provider_id == bindparam("id")).order_by(allocations.c.consumer_id),
    into=AllocationRow,
)
_OF_CONSUMERS = Query(
    select(allocations)
    .where(allocations.c.consumer_id.in_(bindparam("ids", expanding=True)))
    .order_by(allocations.c.provider_id),
    into=AllocationRow,
)
_INSERT = Query(insert(allocations))
_DELETE = Query(delete(allocations).where(allocations.c.consumer_id.in_(bindparam("ids", expanding=True))))
_CONSUMER = Query(select(consumers).where(consumers.c.id == bindparam("id")), into=ConsumerRow)
_CONSUMERS = Query(select(consumers).where(consumers.c.id.in_(bindparam("ids", expanding=True))), into=ConsumerRow)
_CONSUMER_IN = Query(insert(consumers))
_CONSUMER_SET = Query(update(consumers).where(consumers.c.id == bindparam("consumer_id")))
_CONSUMERS_OUT = Query(delete(consumers).where(consumers.c.id.in_(bindparam("ids", expanding=True))))
_HELD = Query(select(allocations.c.resource_class).where(allocations.c.provider_id == bindparam("id")).distinct())


def of_consumer(tx: Tx, consumer_id: str) -> list[AllocationRow]:
    return tx.rows(_OF_CONSUMER, id=consumer_id)


def of_provider(tx: Tx, provider_id: str) -> list[AllocationRow]:
    return tx.rows(_OF_PROVIDER, id=provider_id)


def held_classes(tx: Tx, provider_id: str) -> set[str]:
    """Classes of the provider that somebody holds some of."""
    return {c for (c,) in tx.rows(_HELD, id=provider_id)}


def insert_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.run_many(_INSERT, list(rows))


def remove(tx: Tx, consumer_ids: Sequence[str]) -> None:
    """All that these consumers hold."""
    tx.run(_DELETE, ids=list(consumer_ids))


def of_consumers(tx: Tx, consumer_ids: Sequence[str]) -> list[AllocationRow]:
    return tx.rows(_OF_CONSUMERS, ids=list(consumer_ids))


def consumer(tx: Tx, consumer_id: str) -> ConsumerRow | None:
    return tx.row(_CONSUMER, id=consumer_id)


def consumers_of(tx: Tx, ids: Sequence[str]) -> dict[str, ConsumerRow]:
    return {row.id: row for row in tx.rows(_CONSUMERS, ids=list(ids))} if ids else {}


def insert_consumer(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_CONSUMER_IN, **values)


def change_consumer(tx: Tx, consumer_id: str, **values: Any) -> None:
    tx.run(_CONSUMER_SET, consumer_id=consumer_id, **values)


def remove_consumers(tx: Tx, consumer_ids: Sequence[str]) -> None:
    tx.run(_CONSUMERS_OUT, ids=list(consumer_ids))


def usages(tx: Tx, project_id: str, user_id: str | None) -> list[tuple[str, str, int]]:
    """(consumer type, class, sum) of a project's allocations."""
    kind = func.coalesce(consumers.c.consumer_type, "unknown")
    statement = (
        select(kind, allocations.c.resource_class, func.sum(allocations.c.used))
        .join(consumers, consumers.c.id == allocations.c.consumer_id)
        .where(consumers.c.project_id == project_id)
        .group_by(kind, allocations.c.resource_class)
        .order_by(kind, allocations.c.resource_class)
    )
    if user_id is not None:
        statement = statement.where(consumers.c.user_id == user_id)
    found: list[Any] = list(tx.execute(statement))
    return [(str(kind), str(name), int(total)) for kind, name, total in found]


def consumer_counts(tx: Tx, project_id: str, user_id: str | None) -> dict[str, int]:
    """Number of consumers by type in a project."""
    kind = func.coalesce(consumers.c.consumer_type, "unknown")
    statement = select(kind, func.count()).where(consumers.c.project_id == project_id).group_by(kind)
    if user_id is not None:
        statement = statement.where(consumers.c.user_id == user_id)
    found: list[Any] = list(tx.execute(statement))
    return {str(name): int(count) for name, count in found}
