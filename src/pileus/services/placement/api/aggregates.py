"""`/resource_providers/{uuid}/aggregates`: which groups a provider belongs to."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.placement.api import schemas
from pileus.services.placement.api.answers import answer
from pileus.services.placement.api.providers import MEMBER
from pileus.services.placement.core import trees
from pileus.services.placement.db.providers import ProviderRow

PATH = MEMBER + "/aggregates"
_RULE = "placement:resource_providers:aggregates:"


def _shown(tx: Tx, request: Request, row: ProviderRow) -> Answer:
    body: dict[str, Any] = {"aggregates": sorted(trees.aggregates_of(tx, row.id))}
    if request.version >= (1, 19):
        body["resource_provider_generation"] = row.generation
    return answer(request, body, at=row.updated_at)


def _list(tx: Tx, request: Request) -> Answer:
    return _shown(tx, request, trees.find(tx, request.params["uuid"]))


def _set(tx: Tx, request: Request) -> Answer:
    body, generation = request.body, None
    if request.version >= (1, 19):
        body, generation = body["aggregates"], body["resource_provider_generation"]
    return _shown(tx, request, trees.set_aggregates(tx, request.params["uuid"], body, generation))


OPERATIONS = [
    Operation(method="GET", path=PATH, decide=_list, rule=_RULE + "list", since="1.1", summary="List aggregates"),
    Operation(
        method="PUT", path=PATH, decide=_set, rule=_RULE + "update", since="1.1", body=schemas.AGGREGATES,
        summary="Set a provider's aggregates",
    ),
]  # fmt: skip
