"""Providers found by their names, rooms, traits and aggregates."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select

from pileus.kernel.db import Tx
from pileus.services.placement.db.inventories import inventories
from pileus.services.placement.db.providers import ProviderRow, provider_aggregates, provider_traits, providers


def listed(
    tx: Tx,
    name: str | None,
    provider_id: str | None,
    root: str,
    resources: Mapping[str, int],
    required: Sequence[Collection[str]],
    forbidden: Collection[str],
    member_of: Sequence[Collection[str]],
    not_member_of: Collection[str],
) -> list[ProviderRow]:
    """Providers that meet every condition by themselves, not by their tree; older ones first."""
    conditions: list[ColumnElement[bool]] = []
    if name is not None:
        conditions.append(providers.c.name == name)
    if provider_id is not None:
        conditions.append(providers.c.id == provider_id)
    if root:
        conditions.append(providers.c.root_id == root)
    conditions += [_room(c, amount) for c, amount in resources.items()]
    conditions += [_trait(names) for names in required]
    conditions += [~_trait(forbidden)] if forbidden else []
    conditions += [_member(names) for names in member_of]
    conditions += [~_member(not_member_of)] if not_member_of else []
    statement = select(providers).where(*conditions).order_by(providers.c.created_at, providers.c.id)
    found: list[Any] = list(tx.execute(statement))
    return [ProviderRow(*row) for row in found]


def _room(resource_class: str, amount: int) -> Any:
    inv = inventories.alias()
    return exists().where(
        inv.c.provider_id == providers.c.id,
        inv.c.resource_class == resource_class,
        inv.c.capacity - inv.c.used >= amount,
        inv.c.min_unit <= amount,
        inv.c.max_unit >= amount,
        amount % inv.c.step_size == 0,
    )


def _trait(names: Collection[str]) -> Any:
    return exists().where(provider_traits.c.provider_id == providers.c.id, provider_traits.c.trait.in_(sorted(names)))


def _member(ids: Collection[str]) -> Any:
    return exists().where(
        provider_aggregates.c.provider_id == providers.c.id, provider_aggregates.c.aggregate_id.in_(sorted(ids))
    )
