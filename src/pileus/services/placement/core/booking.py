"""Taking and giving back: the only place where allocations and `used` change, always together."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict
from pileus.services.placement.db import allocations, inventories, providers
from pileus.services.placement.db.allocations import AllocationRow
from pileus.services.placement.db.inventories import InventoryRow

Amounts = dict[tuple[str, str], int]
"""(provider, resource class) -> units."""


class Holding(Struct, frozen=True, kw_only=True):
    """What one consumer is to hold: provider -> class -> amount. Nothing: the consumer is forgotten."""

    consumer_id: str
    project_id: str
    user_id: str
    consumer_type: str | None
    resources: Mapping[str, Mapping[str, int]]


def book(tx: Tx, wanted: Sequence[Holding]) -> None:
    """These consumers hold exactly this from now on; what they give back is there for the others to take.

    Raises `Conflict` naming provider and class when there is no such inventory or not enough of it.
    """
    ids = [h.consumer_id for h in wanted]
    held = allocations.of_consumers(tx, ids)
    before, after = _sums(held), _asked(wanted)
    if after:
        there = inventories.of(tx, sorted({provider_id for provider_id, _ in after}))
        for holding in wanted:
            for provider_id, amounts in holding.resources.items():
                for resource_class, amount in amounts.items():
                    _fits(provider_id, there[provider_id].get(resource_class), resource_class, amount)
        for (provider_id, resource_class), amount in after.items():
            before_it = before.get((provider_id, resource_class), 0)
            _enough(provider_id, there[provider_id][resource_class], resource_class, before_it, amount)
    if held:
        allocations.remove(tx, ids)
    inventories.use(tx, {key: after.get(key, 0) - before.get(key, 0) for key in sorted({*before, *after})})
    allocations.insert_many(tx, [row for holding in wanted for row in _rows(holding)])
    providers.bump_all(tx, sorted({provider_id for provider_id, _ in after}))
    _consumers(tx, wanted)


def release(tx: Tx, consumer_id: str) -> bool:
    """Give back all that the consumer holds, and forget it; False when it held nothing."""
    held = allocations.of_consumer(tx, consumer_id)
    if held:
        inventories.use(tx, {key: -amount for key, amount in _sums(held).items()})
        allocations.remove(tx, [consumer_id])
    allocations.remove_consumers(tx, [consumer_id])
    return bool(held)


def _sums(rows: Sequence[AllocationRow]) -> Amounts:
    found: Amounts = {}
    for row in rows:
        key = (row.provider_id, row.resource_class)
        found[key] = found.get(key, 0) + row.used
    return found


def _asked(wanted: Sequence[Holding]) -> Amounts:
    found: Amounts = {}
    for holding in wanted:
        for provider_id, amounts in holding.resources.items():
            for resource_class, amount in amounts.items():
                key = (provider_id, resource_class)
                found[key] = found.get(key, 0) + amount
    return found


def _rows(holding: Holding) -> list[dict[str, Any]]:
    return [
        {"consumer_id": holding.consumer_id, "provider_id": p, "resource_class": c, "used": amount}
        for p, amounts in holding.resources.items()
        for c, amount in amounts.items()
    ]


def _fits(provider_id: str, inventory: InventoryRow | None, resource_class: str, amount: int) -> None:
    if inventory is None:
        raise Conflict(
            f"Unable to allocate inventory: Inventory for '{resource_class}' on resource provider '{provider_id}' invalid."
        )
    if not inventory.min_unit <= amount <= inventory.max_unit or amount % inventory.step_size:
        raise Conflict(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
            f"'{provider_id}'. The requested amount would violate inventory constraints."
        )


def _enough(provider_id: str, inventory: InventoryRow, resource_class: str, before: int, after: int) -> None:
    """Where less than nothing is left, for the operator took some away, consumers may still keep, pass on or give back."""
    if inventory.used - before + after > inventory.capacity and after > before:
        raise Conflict(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
            f"'{provider_id}'. The requested amount would exceed the capacity."
        )


def _consumers(tx: Tx, wanted: Sequence[Holding]) -> None:
    there = allocations.consumers_of(tx, [h.consumer_id for h in wanted])
    gone = [h.consumer_id for h in wanted if not h.resources and h.consumer_id in there]
    if gone:
        allocations.remove_consumers(tx, gone)
    for holding in wanted:
        if not holding.resources:
            continue
        row = there.get(holding.consumer_id)
        values = {"project_id": holding.project_id, "user_id": holding.user_id, "updated_at": tx.now}
        if row is None:
            allocations.insert_consumer(
                tx,
                {
                    **values, "id": holding.consumer_id, "consumer_type": holding.consumer_type, "generation": 1,
                    "created_at": tx.now,
                },
            )  # fmt: skip
        else:
            allocations.change_consumer(
                tx, row.id, **values, consumer_type=holding.consumer_type or row.consumer_type,
                generation=row.generation + 1,
            )  # fmt: skip
