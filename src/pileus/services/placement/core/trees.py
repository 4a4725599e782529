"""Resource providers and the trees that they form."""

import random
from collections.abc import Collection, Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Invalid, NotFound, new_id
from pileus.services.placement.core import refusals
from pileus.services.placement.db import allocations, inventories, providers
from pileus.services.placement.db.providers import ProviderRow

RANKS = 1 << 30


def find(tx: Tx, provider_id: str) -> ProviderRow:
    row = providers.find(tx, provider_id)
    if row is None:
        raise refusals.no_provider(provider_id)
    return row


def record(tx: Tx, provider_id: str, name: str, parent: ProviderRow | None = None) -> dict[str, Any]:
    """The values of a new provider."""
    return {
        "id": provider_id,
        "name": name,
        "generation": 0,
        "parent_id": parent.id if parent else None,
        "root_id": parent.root_id if parent else provider_id,
        "rank": random.randrange(RANKS),  # noqa: S311 - spreads, hides nothing
        "created_at": tx.now,
        "updated_at": tx.now,
    }


def create(tx: Tx, want: Mapping[str, Any]) -> ProviderRow:
    """`want`: name, and perhaps uuid and parent_provider_uuid."""
    name, provider_id, parent_id = want["name"], want.get("uuid") or new_id(), want.get("parent_provider_uuid")

    def refuse(why: str) -> Invalid:
        return Invalid(
            f'Unable to create resource provider "{name}", {provider_id}: Object action create failed because: {why}'
        )

    if not name:
        raise refuse("name is required")
    parent = None
    if parent_id is not None:
        if parent_id == provider_id:
            raise refuse(
                "parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent."
            )
        parent = providers.find(tx, parent_id)
        if parent is None:
            raise refuse("parent provider UUID does not exist.")
    for label, there in (("uuid", providers.find(tx, provider_id)), ("name", providers.by_name(tx, name))):
        if there is not None:
            value = provider_id if label == "uuid" else name
            raise Conflict(
                f"Conflicting resource provider {label}: {value} already exists.", details=refusals.DUPLICATE_NAME
            )
    providers.insert_provider(tx, record(tx, provider_id, name, parent))
    return find(tx, provider_id)


def update(tx: Tx, provider_id: str, want: Mapping[str, Any], may_move: bool) -> ProviderRow:
    """Rename, and move to another parent; before 1.37 (`may_move` false) only a root may get a parent."""
    row = find(tx, provider_id)
    name = want["name"]
    if not name:
        raise _unsaved(row, "update", "name is required")
    there = providers.by_name(tx, name)
    if there is not None and there.id != row.id:
        raise Conflict(f"Conflicting resource provider {name} already exists.", details=refusals.DUPLICATE_NAME)
    if "parent_provider_uuid" in want and want["parent_provider_uuid"] != row.parent_id:
        _move(tx, row, want["parent_provider_uuid"], may_move)
    providers.change(tx, row.id, name=name)
    return find(tx, row.id)


def _move(tx: Tx, row: ProviderRow, parent_id: str | None, may_move: bool) -> None:
    if parent_id is None:
        if not may_move:
            raise _unsaved(row, "update", "un-parenting a provider is not currently allowed.")
        root_id = row.id
    else:
        parent = providers.find(tx, parent_id)
        if parent is None:
            raise _unsaved(row, "create", "parent provider UUID does not exist.")
        if row.parent_id is not None and not may_move:
            raise _unsaved(row, "update", "re-parenting a provider is not currently allowed.")
        root_id = parent.root_id
    below = subtree(row.id, {p.id: p.parent_id for p in providers.trees(tx, [row.root_id])})
    if parent_id in below:
        raise _unsaved(row, "update", "creating loop in the provider tree is not allowed.")
    providers.change(tx, row.id, parent_id=parent_id)
    providers.reroot(tx, sorted(below), root_id)


def subtree(top: str, parents: Mapping[str, str | None]) -> set[str]:
    """`top` and all below it. `parents`: provider -> its parent, for a whole tree."""
    children: dict[str | None, list[str]] = {}
    for provider_id, parent_id in parents.items():
        children.setdefault(parent_id, []).append(provider_id)
    found, left = {top}, [top]
    while left:
        below = children.get(left.pop(), ())
        found.update(below)
        left.extend(below)
    return found


def _unsaved(row: ProviderRow, action: str, why: str) -> Invalid:
    return Invalid(f"Unable to save resource provider {row.id}: Object action {action} failed because: {why}")


def delete(tx: Tx, provider_id: str) -> None:
    row = providers.find(tx, provider_id)
    if row is None:
        raise NotFound(f"No resource provider with uuid {provider_id} found for delete")
    if providers.has_children(tx, row.id):
        raise Conflict(
            f"Unable to delete parent resource provider {row.id}: It has child resource providers.",
            details={"code": "placement.resource_provider.cannot_delete_parent"},
        )
    if allocations.held_classes(tx, row.id):
        raise Conflict(
            f"Unable to delete resource provider {row.id}: Resource provider has allocations.",
            details={"code": "placement.resource_provider.inuse"},
        )
    inventories.drop_all(tx, row.id)
    providers.remove(tx, row.id)


def aggregates_of(tx: Tx, provider_id: str) -> set[str]:
    return providers.aggregates_of(tx, [provider_id])[provider_id]


def set_aggregates(tx: Tx, provider_id: str, wanted: Collection[str], generation: int | None) -> ProviderRow:
    """The provider is in exactly these aggregates. `generation`: the one that the caller saw, from 1.19 on."""
    row = find(tx, provider_id)
    if generation is not None and generation != row.generation:
        raise refusals.changed_provider()
    providers.set_aggregates(tx, row.id, wanted)
    if generation is not None:
        providers.bump(tx, row.id)
    return find(tx, row.id)
