"""Placement, put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.rest import Authenticate, Face, Service
from pileus.services.placement.api.dialect import PlacementDialect
from pileus.services.placement.api.versions import VERSIONS
from pileus.services.placement.internal import Internal

PORT = 8778
RULES: list[Any] = []
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
        face=Face("placement", PlacementDialect(), policy, db, [VERSIONS], authenticate),
        internal=Internal(),
    )
