"""What is held now, read by consumer and by provider."""

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.services.placement.db import allocations, providers
from pileus.services.placement.db.allocations import ConsumerRow
from pileus.services.placement.db.providers import ProviderRow


class Held(Struct, frozen=True):
    """What one consumer holds; `consumer` is None when it was never seen."""

    consumer: ConsumerRow | None
    by_provider: list[tuple[ProviderRow, dict[str, int]]]


def of_consumer(tx: Tx, consumer_id: str) -> Held:
    amounts: dict[str, dict[str, int]] = {}
    for row in allocations.of_consumer(tx, consumer_id):
        amounts.setdefault(row.provider_id, {})[row.resource_class] = row.used
    rows = providers.many(tx, list(amounts))
    return Held(allocations.consumer(tx, consumer_id), [(rows[i], found) for i, found in amounts.items()])


def of_provider(tx: Tx, provider_id: str) -> list[tuple[ConsumerRow, dict[str, int]]]:
    amounts: dict[str, dict[str, int]] = {}
    for row in allocations.of_provider(tx, provider_id):
        amounts.setdefault(row.consumer_id, {})[row.resource_class] = row.used
    rows = allocations.consumers_of(tx, list(amounts))
    return [(rows[i], found) for i, found in amounts.items()]
