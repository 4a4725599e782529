"""Placement, put together."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pileus.contracts.identity import CatalogService
from pileus.kernel.db import Database
from pileus.kernel.policy import Policy
from pileus.kernel.rest import Answer, Authenticate, Face, Operation, Request, Service
from pileus.services.placement.api import (
    aggregates,
    allocations,
    candidates,
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
_NOUNS = (providers, inventories, aggregates, traits, classes, usages, allocations, candidates, reshaper)
_LONG = ("/resource_providers", "/allocation_candidates")
"""Questions that may read everything there is."""
OPERATIONS = [VERSIONS, *(operation for noun in _NOUNS for operation in noun.OPERATIONS)]
CATALOG = [CatalogService(type="placement", name="placement", url="{base}", description="Placement")]


def aside(op: Operation, db: Database) -> Operation:
    """The same question, read in a thread: others do not wait for it. What writes stays as it is."""
    decide = op.decide
    if decide is None or not op.reads_only:
        return op

    async def handle(request: Request) -> Answer:
        return cast(Answer, await db.read_aside(decide, request))

    return replace(op, decide=None, handle=handle)


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
        face=Face(
            "placement",
            PlacementDialect(),
            policy,
            db,
            [aside(op, db) if op.path in _LONG else op for op in OPERATIONS],
            authenticate,
        ),
        internal=Internal(),
    )


__all__ = ["CATALOG", "OPERATIONS", "PORT", "RULES", "build"]
