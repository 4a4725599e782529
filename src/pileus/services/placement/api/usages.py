"""Usages: of one provider, and of a project."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import NotFound
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer
from pileus.services.placement.api.providers import MEMBER
from pileus.services.placement.core import stocks, totals, trees


def _of_provider(tx: Tx, request: Request) -> Answer:
    try:
        row = trees.find(tx, request.params["uuid"])
    except NotFound as problem:
        raise NotFound(f"{problem.message}: {problem.message}") from None
    used = {name: inventory.used for name, inventory in stocks.of(tx, row.id).items()}
    return answer(request, {"resource_provider_generation": row.generation, "usages": used}, at=row.updated_at)


def _total(tx: Tx, request: Request) -> Answer:
    query = request.query
    project_id, user_id = query.one("project_id") or "", query.one("user_id")
    request.enforce("placement:usages", {"project_id": project_id, "user_id": user_id})
    found: Mapping[str, Any]
    if request.version >= (1, 38):
        found = totals.by_type(tx, project_id, user_id, query.one("consumer_type"))
    else:
        found = totals.of_project(tx, project_id, user_id)
    return answer(request, {"usages": found}, at=tx.now)


OPERATIONS = [
    Operation(
        method="GET", path=MEMBER + "/usages", decide=_of_provider, rule="placement:resource_providers:usages",
        summary="List a provider's usages",
    ),
    Operation(
        method="GET", path="/usages", decide=_total, since="1.9", query=schemas.USAGES,
        summary="List a project's usages",
    ),
]  # fmt: skip
