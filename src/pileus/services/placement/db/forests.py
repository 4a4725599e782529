"""Trees of providers, chosen by what they could give, and read whole."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, exists, select

from pileus.kernel.db import Query, Tx
from pileus.services.placement.db import providers as rows
from pileus.services.placement.db.inventories import InventoryRow, inventories, of
from pileus.services.placement.db.providers import ProviderRow, provider_aggregates, provider_traits, providers


class Node(Struct, frozen=True):
    """A provider with all that decides on it."""

    row: ProviderRow
    stock: Mapping[str, InventoryRow]
    traits: frozenset[str]
    aggregates: frozenset[str]


_SHARING = Query(
    select(providers)
    .join(provider_traits, provider_traits.c.provider_id == providers.c.id)
    .where(provider_traits.c.trait == bindparam("trait"))
    .order_by(providers.c.rank),
    into=ProviderRow,
)


def sharing(tx: Tx, trait: str) -> list[Node]:
    """Providers that share with all who are in an aggregate with them."""
    return _nodes(tx, tx.rows(_SHARING, trait=trait))


def whole(tx: Tx, roots: Sequence[str]) -> dict[str, list[Node]]:
    """All providers of these trees, by root, older ones first."""
    found: dict[str, list[Node]] = {root: [] for root in roots}
    for node in _nodes(tx, rows.trees(tx, roots)):
        found[node.row.root_id].append(node)
    return found


def _nodes(tx: Tx, members: Sequence[ProviderRow]) -> list[Node]:
    ids = [row.id for row in members]
    stock, traits, aggregates = of(tx, ids), rows.traits_of(tx, ids), rows.aggregates_of(tx, ids)
    return [Node(row, stock[row.id], frozenset(traits[row.id]), frozenset(aggregates[row.id])) for row in members]


def hopeful(
    tx: Tx,
    needs: Sequence[tuple[str, int]],
    traits: Sequence[Collection[str]],
    aggregates: Sequence[Collection[str]],
    root_required: Collection[str],
    root_forbidden: Collection[str],
    root: str,
    nested: bool,
    offset: int,
    limit: int,
) -> list[str]:
    """Roots of trees of which, for each need (class, amount), some provider has room, and some has one of each set of traits
    and is in one of each set of aggregates: what every tree that can answer must have. In order of rank.

    `nested` false promises that every provider is a root. `root`: only this one.
    """
    mine: ColumnElement[bool]
    conditions: list[ColumnElement[bool]] = [providers.c.root_id == providers.c.id]
    if root:
        conditions.append(providers.c.id == root)
    conditions += [_root_trait(name) for name in sorted(root_required)]
    conditions += [~_root_trait(name) for name in sorted(root_forbidden)]
    for resource_class, amount in needs:
        mine, member = _member(inventories.c.provider_id, nested)
        inv = inventories.c
        room = (inv.resource_class == resource_class, inv.capacity - inv.used >= amount, inv.max_unit >= amount)
        conditions.append(exists().where(mine, *room) if member is None else exists().where(mine, member, *room))
    for names in traits:
        mine, member = _member(provider_traits.c.provider_id, nested)
        has = provider_traits.c.trait.in_(sorted(names))
        conditions.append(exists().where(mine, has) if member is None else exists().where(mine, member, has))
    for ids in aggregates:
        mine, member = _member(provider_aggregates.c.provider_id, nested)
        has = provider_aggregates.c.aggregate_id.in_(sorted(ids))
        conditions.append(exists().where(mine, has) if member is None else exists().where(mine, member, has))
    statement = select(providers.c.id).where(*conditions).order_by(providers.c.rank, providers.c.id)
    found: list[Any] = list(tx.execute(statement.offset(offset).limit(limit)))
    return [str(row[0]) for row in found]


def _root_trait(name: str) -> Any:
    return exists().where(provider_traits.c.provider_id == providers.c.id, provider_traits.c.trait == name)


def _member(column: Any, nested: bool) -> tuple[Any, Any]:
    """(condition, further condition): the row's provider is in the tree of the root that is asked about."""
    if not nested:
        return column == providers.c.id, None
    inside = providers.alias()
    return column == inside.c.id, inside.c.root_id == providers.c.id
