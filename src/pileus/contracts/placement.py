"""What compute, network and volume may ask of placement."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct


class Inventory(Struct, frozen=True, kw_only=True):
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = 2147483647
    step_size: int = 1
    allocation_ratio: float = 1.0


class Candidates(Struct, frozen=True, kw_only=True):
    """A question: which root providers could take `resources` (resource class -> amount)?"""

    resources: dict[str, int]
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    """Aggregates: one of each set."""
    not_member_of: frozenset[str] = frozenset()
    in_tree: str = ""
    limit: int = 1000


class Candidate(Struct, frozen=True, kw_only=True):
    """A provider that has room, with what is free there now (after allocation ratio and reservation)."""

    provider_id: str
    name: str
    free: dict[str, int]
    total: dict[str, int]


class Claim(Struct, frozen=True, kw_only=True):
    """Resources of one consumer, by provider. Replaces what the consumer held."""

    consumer_id: str
    project_id: str
    user_id: str
    resources: dict[str, dict[str, int]]
    """provider id -> resource class -> amount."""
    consumer_type: str = "INSTANCE"


class Placement(Protocol):
    def candidates(self, tx: Any, asked: Candidates) -> Sequence[Candidate]:
        """Providers with room; a random choice of at most `limit` when there are more. Reads few rows at 10,000 providers."""
        ...

    def claim(self, tx: Any, claim: Claim) -> None:
        """Raises `Conflict` when a provider has no room any more."""
        ...

    def release(self, tx: Any, consumer_id: str) -> None: ...

    def claimed(self, tx: Any, consumer_id: str) -> Mapping[str, Mapping[str, int]]: ...

    def ensure_provider(
        self,
        tx: Any,
        provider_id: str,
        name: str,
        inventories: Mapping[str, Inventory],
        traits: frozenset[str],
        owned_traits: frozenset[str] = frozenset(),
    ) -> None:
        """Create or update a root provider. Traits that an operator added stay unless they are in `owned_traits`."""
        ...

    def remove_provider(self, tx: Any, provider_id: str) -> None: ...

    def set_aggregates(self, tx: Any, provider_id: str, aggregates: frozenset[str]) -> None: ...

    def usages(self, tx: Any, provider_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """What is used of each provider, by resource class; one query for any number of them."""
        ...
