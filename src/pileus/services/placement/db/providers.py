"""Resource providers with their traits and aggregates."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Column, Index, Integer, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Query, Time, Tx, metadata

providers = Table(
    "placement_providers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("generation", Integer, nullable=False, default=0),
    Column("parent_id", String(36), index=True),
    Column("root_id", String(36), nullable=False, index=True),
    Column("rank", Integer, nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
)
"""`rank` is a random number: a window of it is a random choice of providers that needs no scan."""

provider_traits = Table(
    "placement_provider_traits",
    metadata,
    Column("provider_id", String(36), primary_key=True),
    Column("trait", String(255), primary_key=True),
    Index("ix_placement_provider_traits_trait", "trait", "provider_id"),
)

provider_aggregates = Table(
    "placement_provider_aggregates",
    metadata,
    Column("provider_id", String(36), primary_key=True),
    Column("aggregate_id", String(36), primary_key=True),
    Index("ix_placement_provider_aggregates_aggregate", "aggregate_id", "provider_id"),
)


class ProviderRow(Struct, frozen=True):
    id: str
    name: str
    generation: int
    parent_id: str | None
    root_id: str
    rank: int
    created_at: int
    updated_at: int


_FIND = Query(select(providers).where(providers.c.id == bindparam("id")), into=ProviderRow)
_MANY = Query(select(providers).where(providers.c.id.in_(bindparam("ids", expanding=True))), into=ProviderRow)
_BY_NAME = Query(select(providers).where(providers.c.name == bindparam("name")), into=ProviderRow)
_TREE = Query(
    select(providers)
    .where(providers.c.root_id.in_(bindparam("roots", expanding=True)))
    .order_by(providers.c.created_at, providers.c.id),
    into=ProviderRow,
)
_ALL = Query(select(providers).order_by(providers.c.created_at, providers.c.id), into=ProviderRow)
_INSERT = Query(insert(providers))
_UPDATE = Query(update(providers).where(providers.c.id == bindparam("provider_id")))
_BUMP = Query(
    update(providers)
    .where(providers.c.id == bindparam("provider_id"))
    .values(generation=providers.c.generation + 1, updated_at=bindparam("at"))
)
_DELETE = Query(delete(providers).where(providers.c.id == bindparam("id")))
_TRAITS = Query(
    select(provider_traits.c.provider_id, provider_traits.c.trait)
    .where(provider_traits.c.provider_id.in_(bindparam("ids", expanding=True)))
    .order_by(provider_traits.c.trait)
)
_TRAIT_IN = Query(insert(provider_traits))
_TRAIT_OUT = Query(
    delete(provider_traits).where(
        provider_traits.c.provider_id == bindparam("provider_id"), provider_traits.c.trait == bindparam("trait")
    )
)
_TRAIT_TO = Query(
    insert(provider_traits).from_select(
        ["provider_id", "trait"],
        select(providers.c.id, bindparam("what", type_=String())).where(
            providers.c.id.in_(bindparam("ids", expanding=True))
        ),
    )
)
_TRAIT_FROM = Query(
    delete(provider_traits).where(
        provider_traits.c.trait == bindparam("what"),
        provider_traits.c.provider_id.in_(bindparam("ids", expanding=True)),
    )
)
_TRAITS_OUT = Query(delete(provider_traits).where(provider_traits.c.provider_id == bindparam("provider_id")))
_WITH_TRAIT = Query(select(provider_traits.c.provider_id).where(provider_traits.c.trait == bindparam("trait")))
_HAS_TRAIT = Query(select(provider_traits.c.provider_id).where(provider_traits.c.trait == bindparam("trait")).limit(1))
_CHILD = Query(select(providers.c.id).where(providers.c.parent_id == bindparam("id")).limit(1))
_NESTED = Query(select(providers.c.id).where(providers.c.parent_id.is_not(None)).limit(1))
_REROOT = Query(
    update(providers)
    .where(providers.c.id.in_(bindparam("ids", expanding=True)))
    .values(root_id=bindparam("root", type_=String()))
)
_AGGREGATES = Query(
    select(provider_aggregates.c.provider_id, provider_aggregates.c.aggregate_id)
    .where(provider_aggregates.c.provider_id.in_(bindparam("ids", expanding=True)))
    .order_by(provider_aggregates.c.aggregate_id)
)
_AGGREGATE_IN = Query(insert(provider_aggregates))
_AGGREGATES_OUT = Query(
    delete(provider_aggregates).where(provider_aggregates.c.provider_id == bindparam("provider_id"))
)


def find(tx: Tx, provider_id: str) -> ProviderRow | None:
    return tx.row(_FIND, id=provider_id)


def many(tx: Tx, ids: Sequence[str]) -> dict[str, ProviderRow]:
    return {row.id: row for row in tx.rows(_MANY, ids=list(ids))} if ids else {}


def by_name(tx: Tx, name: str) -> ProviderRow | None:
    return tx.row(_BY_NAME, name=name)


def trees(tx: Tx, roots: Collection[str]) -> list[ProviderRow]:
    """All providers of these trees, older ones first."""
    return tx.rows(_TREE, roots=list(roots)) if roots else []


def everyone(tx: Tx) -> list[ProviderRow]:
    return tx.rows(_ALL)


def insert_provider(tx: Tx, values: Mapping[str, Any]) -> None:
    tx.run(_INSERT, **values)


def insert_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.run_many(_INSERT, rows)


def change(tx: Tx, provider_id: str, **values: Any) -> None:
    tx.run(_UPDATE, provider_id=provider_id, **{"updated_at": tx.now, **values})


def bump(tx: Tx, provider_id: str) -> None:
    """One generation on: somebody changed what the provider has or gives."""
    tx.run(_BUMP, provider_id=provider_id, at=tx.now)


def bump_all(tx: Tx, ids: Collection[str]) -> None:
    tx.run_many(_BUMP, [{"provider_id": i, "at": tx.now} for i in ids])


def remove(tx: Tx, provider_id: str) -> None:
    tx.run(_TRAITS_OUT, provider_id=provider_id)
    tx.run(_AGGREGATES_OUT, provider_id=provider_id)
    tx.run(_DELETE, id=provider_id)


def traits_of(tx: Tx, ids: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {i: set() for i in ids}
    for provider_id, trait in tx.rows(_TRAITS, ids=list(ids)) if ids else ():
        found[provider_id].add(trait)
    return found


def set_traits(tx: Tx, provider_id: str, wanted: Collection[str]) -> None:
    """Bring the provider's traits to `wanted`, touching only those that differ."""
    there = traits_of(tx, [provider_id])[provider_id]
    for trait in there - set(wanted):
        tx.run(_TRAIT_OUT, provider_id=provider_id, trait=trait)
    fresh = sorted(set(wanted) - there)
    if fresh:
        tx.run_many(_TRAIT_IN, [{"provider_id": provider_id, "trait": t} for t in fresh])


def add_trait(tx: Tx, trait: str, ids: Sequence[str]) -> None:
    """Give a trait to providers that do not have it; one statement for any number of them."""
    tx.run(_TRAIT_TO, what=trait, ids=list(ids))


def drop_trait(tx: Tx, trait: str, ids: Sequence[str]) -> None:
    tx.run(_TRAIT_FROM, what=trait, ids=list(ids))


def has_trait(tx: Tx, trait: str) -> bool:
    """Whether any provider has it."""
    return tx.row(_HAS_TRAIT, trait=trait) is not None


def has_children(tx: Tx, provider_id: str) -> bool:
    return tx.row(_CHILD, id=provider_id) is not None


def any_nested(tx: Tx) -> bool:
    """Whether any provider stands below another."""
    return tx.row(_NESTED) is not None


def reroot(tx: Tx, ids: Sequence[str], root_id: str) -> None:
    """These providers belong to that tree now."""
    tx.run(_REROOT, ids=list(ids), root=root_id)


def with_trait(tx: Tx, trait: str) -> set[str]:
    return {i for (i,) in tx.rows(_WITH_TRAIT, trait=trait)}


def aggregates_of(tx: Tx, ids: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {i: set() for i in ids}
    for provider_id, aggregate_id in tx.rows(_AGGREGATES, ids=list(ids)) if ids else ():
        found[provider_id].add(aggregate_id)
    return found


def set_aggregates(tx: Tx, provider_id: str, wanted: Collection[str]) -> None:
    tx.run(_AGGREGATES_OUT, provider_id=provider_id)
    if wanted:
        tx.run_many(_AGGREGATE_IN, [{"provider_id": provider_id, "aggregate_id": a} for a in sorted(set(wanted))])
