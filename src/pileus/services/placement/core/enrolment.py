"""Providers that neighbours report, many at a time: only differences are written."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from pileus.contracts.placement import Inventory, Provider
from pileus.kernel.db import Tx
from pileus.services.placement.core import traits, trees
from pileus.services.placement.db import inventories, providers
from pileus.services.placement.db.inventories import InventoryRow


def ensure(tx: Tx, wanted: Sequence[Provider]) -> None:
    """Bring these root providers with their inventories and traits to what is wanted.

    Inventories of classes that are not named stay: an operator may have added them.
    """
    wanted = sorted(wanted, key=lambda one: one.provider_id)  # neighbours in the indexes too: fewer pages to write
    ids = [one.provider_id for one in wanted]
    rows, stock, has = providers.many(tx, ids), inventories.of(tx, ids), providers.traits_of(tx, ids)
    traits.adopt(tx, {trait for one in wanted for trait in one.traits})
    providers.insert_many(tx, [trees.record(tx, p.provider_id, p.name) for p in wanted if p.provider_id not in rows])
    more: dict[str, list[str]] = {}
    less: dict[str, list[str]] = {}
    fresh: list[dict[str, Any]] = []
    changed: list[str] = []
    for one in wanted:
        row, there = rows.get(one.provider_id), has[one.provider_id]
        if row is not None and row.name != one.name:
            providers.change(tx, row.id, name=one.name)
        goal = (there - one.owned_traits) | one.traits
        for trait in goal - there:
            more.setdefault(trait, []).append(one.provider_id)
        for trait in there - goal:
            less.setdefault(trait, []).append(one.provider_id)
        new, moved = _stock(tx, one, stock[one.provider_id])
        fresh += new
        if row is not None and (goal != there or new or moved):
            changed.append(row.id)
    for trait, those in sorted(more.items()):
        providers.add_trait(tx, trait, those)
    for trait, those in sorted(less.items()):
        providers.drop_trait(tx, trait, those)
    inventories.insert_many(tx, fresh)
    providers.bump_all(tx, changed)


def _stock(tx: Tx, one: Provider, there: Mapping[str, InventoryRow]) -> tuple[list[dict[str, Any]], bool]:
    """(inventories to insert, whether others were updated)."""
    fresh, moved = [], False
    for resource_class, wanted in one.inventories.items():
        row = there.get(resource_class)
        if row is None:
            fresh.append(inventories.values(one.provider_id, resource_class, structs.asdict(wanted)))
        elif not _same(row, wanted):
            inventories.put(tx, one.provider_id, resource_class, structs.asdict(wanted), there=True)
            moved = True
    return fresh, moved


def _same(row: InventoryRow, wanted: Inventory) -> bool:
    return (
        row.total == wanted.total
        and row.reserved == wanted.reserved
        and row.min_unit == wanted.min_unit
        and row.max_unit == wanted.max_unit
        and row.step_size == wanted.step_size
        and row.allocation_ratio == wanted.allocation_ratio
    )
