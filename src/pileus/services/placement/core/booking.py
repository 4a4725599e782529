"""Taking and giving back: the only place where allocations and `used` change, always together."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict
from pileus.services.placement.db import allocations, inventories, providers


def book(
    tx: Tx,
    consumer_id: str,
    project_id: str,
    user_id: str,
    consumer_type: str | None,
    wanted: Mapping[str, Mapping[str, int]],
) -> None:
    """The consumer holds exactly `wanted` (provider -> class -> amount) from now on; nothing: it is forgotten.

    Raises `Conflict` naming provider and class when there is no such inventory or not enough of it.
    """
    release(tx, consumer_id, keep=bool(wanted))
    if not wanted:
        return
    there = inventories.of(tx, list(wanted))
    rows: list[dict[str, Any]] = []
    for provider_id, amounts in wanted.items():
        for resource_class, amount in amounts.items():
            _check(provider_id, there[provider_id].get(resource_class), resource_class, amount)
            inventories.use(tx, provider_id, resource_class, amount)
            rows.append(
                {
                    "consumer_id": consumer_id,
                    "provider_id": provider_id,
                    "resource_class": resource_class,
                    "used": amount,
                }
            )
        providers.bump(tx, provider_id)
    allocations.insert_many(tx, rows)
    _consumer(tx, consumer_id, project_id, user_id, consumer_type)


def _check(provider_id: str, inventory: inventories.InventoryRow | None, resource_class: str, amount: int) -> None:
    if inventory is None:
        raise Conflict(
            f"Unable to allocate inventory: Inventory for '{resource_class}' on resource provider '{provider_id}' invalid."
        )
    if not inventory.min_unit <= amount <= inventory.max_unit or amount % inventory.step_size:
        raise Conflict(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
            f"'{provider_id}'. The requested amount would violate inventory constraints."
        )
    if inventory.used + amount > inventory.capacity:
        raise Conflict(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
            f"'{provider_id}'. The requested amount would exceed the capacity."
        )


def _consumer(tx: Tx, consumer_id: str, project_id: str, user_id: str, consumer_type: str | None) -> None:
    row = allocations.consumer(tx, consumer_id)
    if row is None:
        allocations.insert_consumer(
            tx,
            {
                "id": consumer_id, "project_id": project_id, "user_id": user_id, "consumer_type": consumer_type, "generation": 1,
                "created_at": tx.now, "updated_at": tx.now,
            },
        )  # fmt: skip
        return
    allocations.change_consumer(
        tx, consumer_id, project_id=project_id, user_id=user_id, consumer_type=consumer_type or row.consumer_type,
        generation=row.generation + 1, updated_at=tx.now,
    )  # fmt: skip


def release(tx: Tx, consumer_id: str, keep: bool = False) -> bool:
    """Give back all that the consumer holds; False when it held nothing. `keep` leaves the consumer's own row."""
    held = allocations.of_consumer(tx, consumer_id)
    for row in held:
        inventories.use(tx, row.provider_id, row.resource_class, -row.used)
    for provider_id in {row.provider_id for row in held}:
        providers.bump(tx, provider_id)
    if held:
        allocations.remove(tx, consumer_id)
    if not keep:
        allocations.remove_consumer(tx, consumer_id)
    return bool(held)
