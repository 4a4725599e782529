"""Inventories: what providers have, and how much of it is used."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.selectable import Join

from pileus.kernel.db import Query, Tx, metadata
from pileus.services.placement.db.providers import provider_aggregates, provider_traits, providers

inventories = Table(
    "placement_inventories",
    metadata,
    Column("provider_id", String(36), primary_key=True),
    Column("resource_class", String(255), primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False, default=0),
    Column("min_unit", BigInteger, nullable=False, default=1),
    Column("max_unit", BigInteger, nullable=False),
    Column("step_size", BigInteger, nullable=False, default=1),
    Column("allocation_ratio", Float, nullable=False, default=1.0),
    Column("capacity", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False, default=0),
    Index("ix_placement_inventories_class", "resource_class", "provider_id", "capacity", "used"),
)
"""`capacity` is (total - reserved) x allocation_ratio, rounded down. `used` is the sum of the allocations, kept by the
transactions that change them; a test proves the two equal after any history."""


class InventoryRow(Struct, frozen=True):
    provider_id: str
    resource_class: str
    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float
    capacity: int
    used: int


_OF = Query(
    select(inventories)
    .where(inventories.c.provider_id.in_(bindparam("ids", expanding=True)))
    .order_by(inventories.c.resource_class),
    into=InventoryRow,
)
_INSERT = Query(insert(inventories))
_UPDATE = Query(
    update(inventories).where(
        inventories.c.provider_id == bindparam("of"), inventories.c.resource_class == bindparam("what")
    )
)
_DELETE = Query(
    delete(inventories).where(
        inventories.c.provider_id == bindparam("of"), inventories.c.resource_class == bindparam("what")
    )
)
_DELETE_ALL = Query(delete(inventories).where(inventories.c.provider_id == bindparam("of")))
_USE = Query(
    update(inventories)
    .where(inventories.c.provider_id == bindparam("of"), inventories.c.resource_class == bindparam("what"))
    .values(used=inventories.c.used + bindparam("more"))
)


def of(tx: Tx, ids: Sequence[str]) -> dict[str, dict[str, InventoryRow]]:
    """Inventories by provider and class; one query for any number of providers."""
    found: dict[str, dict[str, InventoryRow]] = {i: {} for i in ids}
    for row in tx.rows(_OF, ids=list(ids)) if ids else ():
        found[row.provider_id][row.resource_class] = row
    return found


def values(provider_id: str, resource_class: str, stock: Mapping[str, Any]) -> dict[str, Any]:
    """A new inventory's row."""
    return {"provider_id": provider_id, "resource_class": resource_class, "used": 0, **stock, **_capacity(stock)}


def insert_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.run_many(_INSERT, rows)


def put(tx: Tx, provider_id: str, resource_class: str, stock: Mapping[str, Any], there: bool) -> None:
    """Write one inventory; `used` stays what it is."""
    if there:
        tx.run(_UPDATE, of=provider_id, what=resource_class, **stock, **_capacity(stock))
    else:
        tx.run(_INSERT, **values(provider_id, resource_class, stock))


def _capacity(stock: Mapping[str, Any]) -> dict[str, int]:
    return {"capacity": min(int((stock["total"] - stock["reserved"]) * stock["allocation_ratio"]), 2**63 - 1)}


def drop(tx: Tx, provider_id: str, resource_class: str) -> None:
    tx.run(_DELETE, of=provider_id, what=resource_class)


def drop_all(tx: Tx, provider_id: str) -> None:
    tx.run(_DELETE_ALL, of=provider_id)


def use(tx: Tx, changes: Mapping[tuple[str, str], int]) -> None:
    """Book so many units more (fewer when negative) of each (provider, class)."""
    tx.run_many(_USE, [{"of": of, "what": what, "more": more} for (of, what), more in changes.items() if more])


def roomy(
    tx: Tx,
    amounts: Mapping[str, int],
    required: Sequence[str],
    forbidden: Sequence[str],
    member_of: Sequence[Sequence[str]],
    not_member_of: Sequence[str],
    tree: str,
    start: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Root providers that have room for all `amounts`, in order of rank from `start` on and around.

    Rows: (id, name, capacity and used of each class in sorted order …).
    """
    classes = tuple(sorted(amounts))
    params: dict[str, Any] = {f"a{i}": amounts[c] for i, c in enumerate(classes)}
    params |= {f"m{i}": list(group) for i, group in enumerate(member_of)}
    if not_member_of:
        params["nm"] = list(not_member_of)
    if tree:
        params["tree"] = tree
    shape = (
        classes,
        tuple(sorted(required)),
        tuple(sorted(forbidden)),
        len(member_of),
        bool(not_member_of),
        bool(tree),
    )
    rows = tx.rows(_roomy(*shape, True), rank=start, limit=limit, **params)
    if len(rows) < limit and start > 0:
        rows += tx.rows(_roomy(*shape, False), rank=start, limit=limit - len(rows), **params)
    return rows


class InOrder(Join):
    """A join that SQLite makes from left to right. It knows no statistics, and would rather read all of a class and sort."""

    inherit_cache = True


@compiles(InOrder)
def _join(element: Any, compiler: Any, **kw: Any) -> str:
    return str(compiler.visit_join(element, **kw))


@compiles(InOrder, "sqlite")
def _cross_join(element: Any, compiler: Any, **kw: Any) -> str:
    kw = {**kw, "asfrom": True}
    left, right = compiler.process(element.left, **kw), compiler.process(element.right, **kw)
    return f"{left} CROSS JOIN {right} ON {compiler.process(element.onclause, **{**kw, 'asfrom': False})}"


@lru_cache(maxsize=256)
def _roomy(
    classes: tuple[str, ...],
    required: tuple[str, ...],
    forbidden: tuple[str, ...],
    groups: int,
    excluding: bool,
    tree: bool,
    onward: bool,
) -> Query[Any]:
    """The statement for one shape of question, compiled once."""
    columns: list[Any] = [providers.c.id, providers.c.name]
    source: Any = providers
    conditions: list[Any] = [providers.c.root_id == providers.c.id]
    for i, name in enumerate(classes):
        inv = inventories.alias(f"i{i}")
        amount = bindparam(f"a{i}", type_=Integer())
        source = InOrder(source, inv, inv.c.provider_id == providers.c.id)
        columns += [inv.c.capacity, inv.c.used]
        conditions += [
            inv.c.resource_class == name,
            inv.c.capacity - inv.c.used >= amount,
            inv.c.min_unit <= amount,
            inv.c.max_unit >= amount,
            amount % inv.c.step_size == 0,
        ]
    conditions += [_has_trait(t) for t in required]
    conditions += [~_has_trait(t) for t in forbidden]
    conditions += [_member(f"m{i}") for i in range(groups)]
    if excluding:
        conditions.append(~_member("nm"))
    if tree:
        conditions.append(providers.c.root_id == bindparam("tree"))
    conditions.append(providers.c.rank >= bindparam("rank") if onward else providers.c.rank < bindparam("rank"))
    statement = (
        select(*columns).select_from(source).where(*conditions).order_by(providers.c.rank).limit(bindparam("limit"))
    )
    return Query(statement)


def _has_trait(trait: str) -> Any:
    return exists().where(provider_traits.c.provider_id == providers.c.id, provider_traits.c.trait == trait)


def _member(name: str) -> Any:
    return exists().where(
        provider_aggregates.c.provider_id == providers.c.id,
        provider_aggregates.c.aggregate_id.in_(bindparam(name, expanding=True)),
    )
