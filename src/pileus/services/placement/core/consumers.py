"""Allocations as their consumers ask for them: under the consumer's generation, all or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Invalid, NotFound
from pileus.services.placement.core import booking, classes, refusals, stocks
from pileus.services.placement.core.booking import Holding
from pileus.services.placement.db import allocations, inventories, providers
from pileus.services.placement.db.allocations import ConsumerRow

NOBODY = "00000000-0000-0000-0000-000000000000"
"""Project and user of allocations that were made before 1.8, which does not tell them."""
UNCHECKED = -1


class Asked(Struct, frozen=True, kw_only=True):
    """One consumer's wish, from any version of the API.

    `generation` is that of the consumer as the caller saw it, None for one that must be new; `UNCHECKED` before 1.28.
    """

    consumer_id: str
    resources: Mapping[str, Mapping[str, int]]
    project_id: str = NOBODY
    user_id: str = NOBODY
    generation: int | None = UNCHECKED
    consumer_type: str | None = None


def replace(tx: Tx, wanted: Sequence[Asked], prefix: str = "Unable to allocate inventory ") -> None:
    """All these consumers hold exactly what they ask for. Raises `Conflict` and `Invalid`; then nothing has changed."""
    there = allocations.consumers_of(tx, [a.consumer_id for a in wanted])
    for asked in wanted:
        _check_generation(asked, there.get(asked.consumer_id))
    _check_names(tx, wanted, prefix)
    booking.book(
        tx,
        [
            Holding(
                consumer_id=a.consumer_id, project_id=a.project_id, user_id=a.user_id,
                consumer_type=a.consumer_type, resources=a.resources,
            )
            for a in wanted
        ],
    )  # fmt: skip


def _check_generation(asked: Asked, row: ConsumerRow | None) -> None:
    if asked.generation == UNCHECKED:
        return
    if row is None and asked.generation is not None:
        raise Conflict(
            f"consumer generation conflict - expected null but got {asked.generation}", details=refusals.CONCURRENT
        )
    if row is not None and row.generation != asked.generation:
        raise Conflict(
            f"consumer generation conflict - expected {row.generation} but got {asked.generation}",
            details=refusals.CONCURRENT,
        )


def _check_names(tx: Tx, wanted: Sequence[Asked], prefix: str) -> None:
    asked = {provider_id for a in wanted for provider_id in a.resources}
    missing = sorted(asked - set(providers.many(tx, sorted(asked))))
    if missing:
        raise Invalid(f"Allocation for resource provider '{missing[0]}' that does not exist.")
    unknown = classes.unknown(tx, {c for a in wanted for amounts in a.resources.values() for c in amounts})
    if unknown:
        raise Invalid(f"{prefix}{refusals.unknown_class(', '.join(unknown))}")


def delete(tx: Tx, consumer_id: str) -> None:
    if not booking.release(tx, consumer_id):
        raise NotFound(f"No allocations for consumer '{consumer_id}'")


def reshape(tx: Tx, stock: Mapping[str, tuple[int, Mapping[str, Mapping[str, Any]]]], wanted: Sequence[Asked]) -> None:
    """Inventories and allocations change together: what a provider gives up may go on at another.

    `stock`: provider -> (its generation as the caller saw it, class -> full values of its inventories from now on).
    """
    rows = providers.many(tx, sorted(stock))
    for provider_id, (generation, _) in stock.items():
        if provider_id not in rows:
            told = refusals.no_provider(provider_id).message
            raise Invalid(
                f"Resource provider {provider_id} in inventories not found: {told}", details=refusals.PROVIDER_NOT_FOUND
            )
        if rows[provider_id].generation != generation:
            actual = rows[provider_id].generation
            raise Conflict(
                f"resource provider generation conflict for provider {provider_id}: actual: {actual}, given: {generation}",
                details=refusals.CONCURRENT,
            )
    unknown = classes.unknown(tx, {c for _, wares in stock.values() for c in wares})
    if unknown:
        raise Invalid(f"malformed reshaper data: {refusals.unknown_class(', '.join(unknown))}")
    there = inventories.of(tx, sorted(stock))
    for provider_id, (_, wares) in stock.items():
        for resource_class, values in wares.items():
            inventories.put(tx, provider_id, resource_class, values, resource_class in there[provider_id])
    if wanted:
        replace(tx, wanted, "malformed reshaper data: ")
    now = inventories.of(tx, sorted(stock))
    for provider_id, (_, wares) in stock.items():
        stocks.drop(tx, provider_id, now[provider_id], set(now[provider_id]) - set(wares), "update conflict: ")
    providers.bump_all(tx, sorted(stock))
