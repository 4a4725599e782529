"""Placement, put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.rest import Authenticate, Face, Service
from pileus.services.placement.api import (
    aggregates,
    allocations,
    classes,
    inventories,
    providers,
    reshaper,
    traits,
    usages,
)
from pileus.services.placement.api.dialect import PlacementDialect
from pileus.services.placement.api.rules import RULES
from pileus.services.placement.api.versions import VERSIONS
from pileus.services.placement.internal import Internal

PORT = 8778
_NOUNS = (providers, inventories, aggregates, traits, classes, usages, allocations, reshaper)
OPERATIONS = [VERSIONS, *(operation for noun in _NOUNS for operation in noun.OPERATIONS)]
CATALOG = [CatalogService(type="placement", name="placement", url="{base}", description="Placement")]


def build(
    *,
    db: Database,
    authenticate: Authenticate | None = None,
    policy_overrides: Mapping[str, Any] | None = None,
    **_: object,
) -> Service:
    policy = Policy(RULES, policy_overrides)
    return Service(
        name="placement",
        face=Face("placement", PlacementDialect(), policy, db, OPERATIONS, authenticate),
        internal=Internal(),
    )


__all__ = ["CATALOG", "OPERATIONS", "PORT", "RULES", "build"]
