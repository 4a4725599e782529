"""What the neighbours may ask of placement."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from pileus.contracts.placement import Candidate, Candidates, Claim, Inventory
from pileus.services.placement.core import booking
from pileus.services.placement.db import allocations, providers
from pileus.services.placement.db import inventories as stock

_RANKS = 1 << 30


class Internal:
    """Implements `contracts.placement.Placement`."""

    def candidates(self, tx: Any, asked: Candidates) -> Sequence[Candidate]:
        classes = sorted(asked.resources)
        rows = stock.roomy(
            tx,
            asked.resources,
            sorted(asked.required),
            sorted(asked.forbidden),
            [sorted(group) for group in asked.member_of],
            sorted(asked.not_member_of),
            asked.in_tree,
            random.randrange(_RANKS),  # noqa: S311 - a fair choice, no secret
            asked.limit,
        )
        found = []
        for row in rows:
            capacity = dict(zip(classes, row[2::2], strict=True))
            used = dict(zip(classes, row[3::2], strict=True))
            found.append(
                Candidate(
                    provider_id=row[0], name=row[1], free={c: capacity[c] - used[c] for c in classes}, total=capacity
                )
            )
        return found

    def claim(self, tx: Any, claim: Claim) -> None:
        booking.book(tx, claim.consumer_id, claim.project_id, claim.user_id, claim.consumer_type, claim.resources)

    def release(self, tx: Any, consumer_id: str) -> None:
        booking.release(tx, consumer_id)

    def claimed(self, tx: Any, consumer_id: str) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for row in allocations.of_consumer(tx, consumer_id):
            found.setdefault(row.provider_id, {})[row.resource_class] = row.used
        return found

    def ensure_provider(
        self,
        tx: Any,
        provider_id: str,
        name: str,
        inventories: Mapping[str, Inventory],
        traits: frozenset[str],
        owned_traits: frozenset[str] = frozenset(),
    ) -> None:
        row = providers.find(tx, provider_id)
        if row is None:
            providers.insert_provider(
                tx,
                {
                    "id": provider_id, "name": name, "generation": 0, "parent_id": None, "root_id": provider_id,
                    "rank": random.randrange(_RANKS),  # noqa: S311
                    "created_at": tx.now, "updated_at": tx.now,
                },
            )  # fmt: skip
        elif row.name != name:
            providers.change(tx, provider_id, name=name)
        there = stock.of(tx, [provider_id])[provider_id]
        for resource_class, wanted in inventories.items():
            stock.put(tx, provider_id, resource_class, structs.asdict(wanted), resource_class in there)
        has = providers.traits_of(tx, [provider_id])[provider_id]
        providers.set_traits(tx, provider_id, (has - owned_traits) | traits)
        providers.bump(tx, provider_id)

    def remove_provider(self, tx: Any, provider_id: str) -> None:
        for resource_class in stock.of(tx, [provider_id])[provider_id]:
            stock.drop(tx, provider_id, resource_class)
        providers.remove(tx, provider_id)

    def set_aggregates(self, tx: Any, provider_id: str, aggregates: frozenset[str]) -> None:
        providers.set_aggregates(tx, provider_id, aggregates)
        providers.bump(tx, provider_id)

    def usages(self, tx: Any, provider_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        there = stock.of(tx, provider_ids)
        return {i: {name: row.used for name, row in found.items()} for i, found in there.items()}
