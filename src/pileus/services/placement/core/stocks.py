"""Inventories of providers, changed under their generations."""

from collections.abc import Collection, Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Invalid, NotFound
from pileus.services.placement.core import classes, refusals, trees
from pileus.services.placement.db import inventories, providers
from pileus.services.placement.db.inventories import InventoryRow
from pileus.services.placement.db.providers import ProviderRow

MAX_INT = 2147483647
DEFAULTS = {"reserved": 0, "min_unit": 1, "max_unit": MAX_INT, "step_size": 1, "allocation_ratio": 1.0}
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


def of(tx: Tx, provider_id: str) -> dict[str, InventoryRow]:
    return inventories.of(tx, [provider_id])[provider_id]


def full(body: Mapping[str, Any]) -> dict[str, Any]:
    """An inventory's values with the defaults of those that the caller left out."""
    values = {**DEFAULTS, **{k: body[k] for k in FIELDS if k in body}}
    values["allocation_ratio"] = float(values["allocation_ratio"])
    return values


def check_reserved(provider_id: str, resource_class: str, values: Mapping[str, Any], all_of_it: bool) -> None:
    """From 1.26 on (`all_of_it`) the whole total may be reserved. Raises `Invalid`."""
    if values["reserved"] < values["total"] or (all_of_it and values["reserved"] == values["total"]):
        return
    limit = "total" if all_of_it else "or equal to total"
    raise Invalid(
        f"Invalid inventory for '{resource_class}' on resource provider '{provider_id}'. "
        f"The reserved value is greater than {limit}."
    )


def create(tx: Tx, provider_id: str, resource_class: str, values: Mapping[str, Any]) -> ProviderRow:
    row = trees.find(tx, provider_id)
    if not classes.exists(tx, resource_class):
        told = refusals.unknown_class(resource_class)
        raise Invalid(f"Unable to create inventory for resource provider {row.id}: {told}")
    if resource_class in of(tx, row.id):
        raise Conflict(
            f"Update conflict: Inventory of class {resource_class} already exists for resource provider {row.id}.",
            details=refusals.CONCURRENT,
        )
    inventories.put(tx, row.id, resource_class, values, there=False)
    providers.bump(tx, row.id)
    return trees.find(tx, row.id)


def update(tx: Tx, provider_id: str, resource_class: str, values: Mapping[str, Any], generation: int) -> ProviderRow:
    row = trees.find(tx, provider_id)
    if row.generation != generation:
        raise refusals.stale_provider()
    classes.find(tx, resource_class)
    if resource_class not in of(tx, row.id):
        raise Invalid(
            f"No inventory record with resource class for resource provider {row.id}: "
            f"No inventory of class {resource_class} found."
        )
    inventories.put(tx, row.id, resource_class, values, there=True)
    providers.bump(tx, row.id)
    return trees.find(tx, row.id)


def replace(tx: Tx, provider_id: str, wanted: Mapping[str, Mapping[str, Any]], generation: int) -> ProviderRow:
    """The provider has exactly these inventories (class -> full values). Those in use cannot go."""
    row = trees.find(tx, provider_id)
    if row.generation != generation:
        raise refusals.stale_provider()
    unknown = classes.unknown(tx, wanted)
    if unknown:
        told = refusals.unknown_class(", ".join(unknown))
        raise Invalid(f"Unknown resource class in inventory for resource provider {row.id}: {told}")
    there = of(tx, row.id)
    drop(tx, row.id, there, set(there) - set(wanted), "update conflict: ")
    for resource_class, values in wanted.items():
        inventories.put(tx, row.id, resource_class, values, resource_class in there)
    providers.bump(tx, row.id)
    return trees.find(tx, row.id)


def drop(tx: Tx, provider_id: str, there: Mapping[str, InventoryRow], gone: Collection[str], prefix: str = "") -> None:
    """Delete these inventories. Raises `Conflict` when somebody holds some of one."""
    used = sorted(c for c in gone if there[c].used)
    if used:
        raise Conflict(
            f"{prefix}Inventory for '{', '.join(used)}' on resource provider '{provider_id}' in use.",
            details=refusals.IN_USE,
        )
    for resource_class in sorted(gone):
        inventories.drop(tx, provider_id, resource_class)


def delete(tx: Tx, provider_id: str, resource_class: str) -> None:
    row = trees.find(tx, provider_id)
    there = of(tx, row.id)
    told = f"No inventory of class {resource_class} found for delete"
    if not classes.exists(tx, resource_class):
        raise NotFound(f"{told}: {refusals.unknown_class(resource_class)}")
    if resource_class not in there:
        raise NotFound(f"{told}: {told}")
    if there[resource_class].used:
        raise Conflict(
            f"Unable to delete inventory of class {resource_class}: Inventory for '{resource_class}' "
            f"on resource provider '{row.id}' in use.",
            details=refusals.CONCURRENT,
        )
    inventories.drop(tx, row.id, resource_class)
    providers.bump(tx, row.id)


def delete_all(tx: Tx, provider_id: str) -> None:
    row = trees.find(tx, provider_id)
    there = of(tx, row.id)
    drop(tx, row.id, there, set(there))
    providers.bump(tx, row.id)
