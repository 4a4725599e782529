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


class Provider(Struct, frozen=True, kw_only=True):
    """A root provider as its owner sees it."""

    provider_id: str
    name: str
    inventories: dict[str, Inventory]
    traits: frozenset[str] = frozenset()
    owned_traits: frozenset[str] = frozenset()
    """Traits that the owner alone decides on: those that are not in `traits` go. Others, which an operator added, stay."""


class Placement(Protocol):
    def candidates(self, tx: Any, asked: Candidates) -> Sequence[Candidate]:
        """Providers with room; a random choice of at most `limit` when there are more. Reads few rows at 10,000 providers."""
        ...

    def claim(self, tx: Any, claim: Claim) -> None:
        """Raises `Conflict` when a provider has no room any more."""
        ...

    def release(self, tx: Any, consumer_id: str) -> None: ...

    def claimed(self, tx: Any, consumer_id: str) -> Mapping[str, Mapping[str, int]]: ...

    def ensure_providers(self, tx: Any, wanted: Sequence[Provider]) -> None:
        """Create or update root providers, in a few queries for all; what is right already is not written."""
        ...

    def remove_provider(self, tx: Any, provider_id: str) -> None: ...

    def set_aggregates(self, tx: Any, provider_id: str, aggregates: frozenset[str]) -> None: ...

    def marked(self, tx: Any, trait: str) -> frozenset[str]:
        """Ids of the providers that have a trait."""
        ...

    def mark(self, tx: Any, trait: str, provider_ids: Sequence[str], present: bool) -> None:
        """Give a trait to these providers, or take it away."""
        ...

    def usages(self, tx: Any, provider_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """What is used of each provider, by resource class; one query for any number of them."""
        ...
