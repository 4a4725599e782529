"""What the neighbours may ask of placement."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.contracts.placement import Candidate, Candidates, Claim, Provider
from pileus.services.placement.core import booking, enrolment
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
        holding = booking.Holding(
            consumer_id=claim.consumer_id, project_id=claim.project_id, user_id=claim.user_id,
            consumer_type=claim.consumer_type, resources=claim.resources,
        )  # fmt: skip
        booking.book(tx, [holding])

    def release(self, tx: Any, consumer_id: str) -> None:
        booking.release(tx, consumer_id)

    def claimed(self, tx: Any, consumer_id: str) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for row in allocations.of_consumer(tx, consumer_id):
            found.setdefault(row.provider_id, {})[row.resource_class] = row.used
        return found

    def ensure_providers(self, tx: Any, wanted: Sequence[Provider]) -> None:
        enrolment.ensure(tx, wanted)

    def remove_provider(self, tx: Any, provider_id: str) -> None:
        stock.drop_all(tx, provider_id)
        providers.remove(tx, provider_id)

    def set_aggregates(self, tx: Any, provider_id: str, aggregates: frozenset[str]) -> None:
        providers.set_aggregates(tx, provider_id, aggregates)
        providers.bump(tx, provider_id)

    def marked(self, tx: Any, trait: str) -> frozenset[str]:
        return frozenset(providers.with_trait(tx, trait))

    def mark(self, tx: Any, trait: str, provider_ids: Sequence[str], present: bool) -> None:
        change = providers.add_trait if present else providers.drop_trait
        change(tx, trait, provider_ids)

    def usages(self, tx: Any, provider_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        there = stock.of(tx, provider_ids)
        return {i: {name: row.used for name, row in found.items()} for i, found in there.items()}
