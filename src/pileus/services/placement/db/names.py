"""Names that operators add: custom traits and resource classes. The standard ones are not in the database."""

from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlalchemy import Column, String, Table, bindparam, delete, insert, select, update

from pileus.kernel.db import Query, Time, Tx, metadata
from pileus.services.placement.db.allocations import allocations
from pileus.services.placement.db.inventories import inventories
from pileus.services.placement.db.providers import provider_traits

traits = Table(
    "placement_traits",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("created_at", Time, nullable=False),
)

classes = Table(
    "placement_classes",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("created_at", Time, nullable=False),
)


class NameRow(Struct, frozen=True):
    name: str
    created_at: int


_TRAITS = Query(select(traits).order_by(traits.c.name), into=NameRow)
_SOME_TRAITS = Query(select(traits).where(traits.c.name.in_(bindparam("names", expanding=True))), into=NameRow)
_TRAIT_IN = Query(insert(traits))
_TRAIT_OUT = Query(delete(traits).where(traits.c.name == bindparam("name")))
_IN_USE = Query(select(provider_traits.c.trait).distinct())
_CLASSES = Query(select(classes).order_by(classes.c.created_at, classes.c.name), into=NameRow)
_SOME_CLASSES = Query(select(classes).where(classes.c.name.in_(bindparam("names", expanding=True))), into=NameRow)
_CLASS_IN = Query(insert(classes))
_CLASS_OUT = Query(delete(classes).where(classes.c.name == bindparam("name")))
_CLASS_USED = Query(select(inventories.c.provider_id).where(inventories.c.resource_class == bindparam("what")).limit(1))

_RENAME_STOCK = Query(
    update(inventories)
    .where(inventories.c.resource_class == bindparam("what"))
    .values(resource_class=bindparam("new", type_=String()))
)
_RENAME_HELD = Query(
    update(allocations)
    .where(allocations.c.resource_class == bindparam("what"))
    .values(resource_class=bindparam("new", type_=String()))
)


def all_traits(tx: Tx) -> list[NameRow]:
    return tx.rows(_TRAITS)


def find_traits(tx: Tx, names: Collection[str]) -> dict[str, NameRow]:
    return {row.name: row for row in tx.rows(_SOME_TRAITS, names=list(names))} if names else {}


def insert_traits(tx: Tx, names: Collection[str]) -> None:
    tx.run_many(_TRAIT_IN, [{"name": name, "created_at": tx.now} for name in names])


def delete_trait(tx: Tx, name: str) -> None:
    tx.run(_TRAIT_OUT, name=name)


def traits_in_use(tx: Tx) -> set[str]:
    """Traits that at least one provider has."""
    return {name for (name,) in tx.rows(_IN_USE)}


def all_classes(tx: Tx) -> list[NameRow]:
    """In order of their creation."""
    return tx.rows(_CLASSES)


def find_classes(tx: Tx, names: Sequence[str]) -> dict[str, NameRow]:
    return {row.name: row for row in tx.rows(_SOME_CLASSES, names=list(names))} if names else {}


def insert_class(tx: Tx, name: str) -> None:
    tx.run(_CLASS_IN, name=name, created_at=tx.now)


def delete_class(tx: Tx, name: str) -> None:
    tx.run(_CLASS_OUT, name=name)


def rename_stock(tx: Tx, name: str, new: str) -> None:
    """Inventories and allocations of a class that was renamed follow it."""
    tx.run(_RENAME_STOCK, what=name, new=new)
    tx.run(_RENAME_HELD, what=name, new=new)


def class_in_use(tx: Tx, name: str) -> bool:
    """Whether any provider has an inventory of this class."""
    return tx.row(_CLASS_USED, what=name) is not None
